// The official JavaScript client against a running server; prints one line of JSON, which the test reads.
// Usage: LLMLB_URL=… LLMLB_KEY=… node conformance.mjs
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.LLMLB_URL}/v1`, apiKey: process.env.LLMLB_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "one two three" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const seen = {};

seen.chat = (await client.chat.completions.create({ model: "echo", messages })).choices[0].message.content;

seen.stream = "";
const stream = await client.chat.completions.create({ model: "echo", messages, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  seen.stream += chunk.choices[0]?.delta.content ?? "";
  seen.usage = chunk.usage ?? seen.usage;
}

const called = client.chat.completions.stream({
  model: "smollm2",
  messages: [{ role: "user", content: "What is the weather in Paris?" }],
  tools: [{ type: "function", function: { name: "get_weather", parameters } }],
  tool_choice: "required",
  max_tokens: 100,
});
const [call] = (await called.finalChatCompletion()).choices[0].message.tool_calls;
seen.tool = { name: call.function.name, arguments: JSON.parse(call.function.arguments) };

seen.schema = JSON.parse(
  (
    await client.chat.completions.create({
      model: "smollm2",
      messages: [{ role: "user", content: "Name a city." }],
      response_format: { type: "json_schema", json_schema: { name: "city", schema: parameters, strict: true } },
      max_tokens: 64,
    })
  ).choices[0].message.content,
);

seen.response = (await client.responses.create({ model: "echo", input: "one two" })).output_text;
const events = client.responses.stream({ model: "echo", input: "one two" });
seen.events = [];
for await (const event of events) seen.events.push(event.type);
seen.finalResponse = (await events.finalResponse()).output_text;

seen.embedding = (await client.embeddings.create({ model: "echo", input: ["one"] })).data[0].embedding.length;
seen.completion = (await client.completions.create({ model: "echo", prompt: "one", echo: true })).choices[0].text;

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const failure = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
};
seen.notFound = await failure(client.models.retrieve("no-such-model"));
seen.badRequest = await failure(client.chat.completions.create({ model: "echo", messages, n: 9, stream: true }));
seen.unauthorized = await failure(client.withOptions({ apiKey: "nonsense" }).models.list());

console.log(JSON.stringify(seen));
