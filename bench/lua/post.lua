-- wrk -s post.lua URL -- BODY_FILE EXPECTED_LENGTH [HEADER: VALUE]...
-- Posts one body again and again. EXPECTED_LENGTH 0: count only (what a measured run does; looking at every answer costs wrk as much
-- as the call). Otherwise every answer must be a 200 with a body of that length. Prints one line: RESULT {json}.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method, wrk.body = "POST", file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  for index = 3, #args do
    local name, value = args[index]:match("^([^:]+): ?(.*)$")
    wrk.headers[name] = value
  end
  local expected = tonumber(args[2])
  looked_at, wrong, first_wrong = 0, 0, ""
  if expected > 0 then
    response = function(status, headers, body)
      looked_at = looked_at + 1
      if status ~= 200 or #body ~= expected then
        wrong = wrong + 1
        if first_wrong == "" then first_wrong = status .. " with " .. #body .. " bytes" end
      end
    end
  end
end

function done(summary, latency, requests)
  local seen, bad, first = 0, 0, ""
  for _, thread in ipairs(threads) do
    seen, bad = seen + thread:get("looked_at"), bad + thread:get("wrong")
    if first == "" then first = thread:get("first_wrong") end
  end
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"calls": %d, "wall_us": %d, "bytes": %d, "p50_us": %.1f, "p99_us": %.1f, "looked_at": %d, "wrong": %d, "first_wrong": "%s", ' ..
    '"errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99), seen, bad, first,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
