/* A fake OpenAI engine: answers at once or streams events on a clock, as cheaply as a single thread can.
 *
 *   fake_engine --port P [--events 64] [--interval-ms 20]
 *
 *   POST /v1/chat/completions   "stream": true -> role chunk, EVENTS content chunks (one every INTERVAL), finish chunk,
 *                               usage chunk when asked ("include_usage": true), "data: [DONE]"; one write per event.
 *                               else -> the same 692 bytes of JSON each time.
 *   GET  /v1/models, /health    what routers look at.   GET /bench/stats -> what was answered so far.
 *
 * A content chunk says "INDEX:NANOSECONDS word" in delta.content, CLOCK_MONOTONIC read just before its write, so that a client
 * on the same machine can measure how long an event was on its way, whatever stands between that keeps the content.
 * Prints "ready PORT" and serves until it is killed or its standard input ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES 692
#define MAX_FDS 65536
#define MAX_REQUEST (4u << 20)
#define MAX_PENDING (1u << 20) /* a reader that is this far behind is given up */
#define SLOT_NS 100000ull      /* the wheel's resolution */
#define SLOTS 16384u           /* 1.6 s around; later timers go round again */

enum phase { ROLE, CONTENT, FINISH, USAGE, DONE };

struct conn {
    int fd;
    char *in; /* request bytes not yet answered */
    size_t in_len, in_cap;
    char *out; /* what the socket did not take */
    size_t out_len, out_at, out_cap;
    bool streaming, wants_usage, close_after, waits_writable, armed;
    int next_event;
    uint64_t due_ns, started_ns;
    struct conn *wheel_next, **wheel_link;
};

static struct conn *conns[MAX_FDS];
static struct conn *wheel[SLOTS];
static uint64_t wheel_at; /* the last slot number that was played */
static unsigned armed_count;
static int epoll_fd, timer_fd, listen_fd;
static int event_count = 64;
static uint64_t interval_ns = 20000000;
static char answer[2048];
static size_t answer_len;
static uint64_t calls, streams, streams_done, bad_requests, open_streams;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void disarm(struct conn *c) {
    if (!c->armed) return;
    *c->wheel_link = c->wheel_next;
    if (c->wheel_next) c->wheel_next->wheel_link = c->wheel_link;
    c->armed = false;
    armed_count--;
}

static void arm(struct conn *c, uint64_t due_ns) {
    uint64_t slot = due_ns / SLOT_NS + 1;
    if (slot <= wheel_at) slot = wheel_at + 1;
    struct conn **head = &wheel[slot % SLOTS];
    c->due_ns = due_ns;
    c->wheel_next = *head;
    if (*head) (*head)->wheel_link = &c->wheel_next;
    c->wheel_link = head;
    *head = c;
    c->armed = true;
    armed_count++;
}

static void drop(struct conn *c) {
    disarm(c);
    if (c->streaming) open_streams--;
    conns[c->fd] = NULL;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
}

static void watch(struct conn *c, bool writable) {
    if (c->waits_writable == writable) return;
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0u), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->waits_writable = writable;
}

/* Returns false when the connection is gone. */
static bool send_all(struct conn *c, const char *bytes, size_t len) {
    if (c->out_len == c->out_at) {
        c->out_len = c->out_at = 0;
        ssize_t sent = send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (sent == (ssize_t)len) return true;
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return drop(c), false;
        if (sent > 0) bytes += sent, len -= (size_t)sent;
    }
    if (c->out_len + len > MAX_PENDING) return drop(c), false;
    if (c->out_len + len > c->out_cap) {
        c->out_cap = (c->out_len + len) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) abort();
    }
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
    watch(c, true);
    return true;
}

static bool flush(struct conn *c) {
    ssize_t sent = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return true;
        return drop(c), false;
    }
    c->out_at += (size_t)sent;
    if (c->out_at == c->out_len) {
        c->out_at = c->out_len = 0;
        watch(c, false);
        if (c->close_after && !c->streaming) return drop(c), false;
    }
    return true;
}

/* --- streams ------------------------------------------------------------------------------------------------------------- */

#define CHUNK_HEAD \
    "{\"id\":\"chatcmpl-bench000000001\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"fake-model\"," \
    "\"system_fingerprint\":\"fp_bench0000\",\"choices\":["

static bool send_event(struct conn *c, enum phase phase) {
    char data[640], framed[704];
    int len;
    switch (phase) {
    case ROLE:
        len = sprintf(data, "data: " CHUNK_HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n");
        break;
    case CONTENT:
        len = sprintf(data, "data: " CHUNK_HEAD "{\"index\":0,\"delta\":{\"content\":\"%d:%" PRIu64 " word\"},\"finish_reason\":null}]}\n\n", c->next_event, now_ns());
        break;
    case FINISH:
        len = sprintf(data, "data: " CHUNK_HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
        break;
    case USAGE:
        len = sprintf(data, "data: " CHUNK_HEAD "],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", event_count, event_count + 200);
        break;
    default:
        len = sprintf(data, "data: [DONE]\n\n");
    }
    int framed_len = sprintf(framed, "%x\r\n", (unsigned)len);
    memcpy(framed + framed_len, data, (size_t)len);
    framed_len += len;
    memcpy(framed + framed_len, "\r\n0\r\n\r\n", 7);
    framed_len += phase == DONE ? 7 : 2; /* the last chunk travels with [DONE] */
    return send_all(c, framed, (size_t)framed_len);
}

static bool begin_stream(struct conn *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
                               "server: fake-engine\r\ntransfer-encoding: chunked\r\n\r\n";
    streams++;
    open_streams++;
    c->streaming = true;
    c->next_event = 0;
    c->started_ns = now_ns();
    if (!send_all(c, head, sizeof head - 1) || !send_event(c, ROLE)) return false;
    arm(c, c->started_ns + interval_ns);
    return true;
}

static bool consume(struct conn *c);

static void play(struct conn *c) {
    if (c->next_event < event_count) {
        if (!send_event(c, CONTENT)) return;
        c->next_event++;
    }
    if (c->next_event < event_count) {
        arm(c, c->started_ns + interval_ns * (uint64_t)(c->next_event + 1));
        return;
    }
    if (!send_event(c, FINISH)) return;
    if (c->wants_usage && !send_event(c, USAGE)) return;
    if (!send_event(c, DONE)) return;
    streams_done++;
    open_streams--;
    c->streaming = false;
    if (c->close_after && c->out_len == c->out_at) {
        drop(c);
        return;
    }
    consume(c);
}

static void turn_wheel(void) {
    uint64_t until = now_ns() / SLOT_NS;
    if (!armed_count || until - wheel_at > SLOTS) {
        if (!armed_count) wheel_at = until;
        else wheel_at = until - SLOTS;
    }
    while (wheel_at < until) {
        uint64_t slot = ++wheel_at;
        struct conn *c = wheel[slot % SLOTS];
        wheel[slot % SLOTS] = NULL;
        if (c) c->wheel_link = &c; /* the list is ours now: whoever leaves it takes itself out of it */
        while (c) {
            struct conn *one = c;
            disarm(one);
            if (one->due_ns > slot * SLOT_NS) arm(one, one->due_ns);
            else play(one);
        }
    }
}

static void set_alarm(void) {
    struct itimerspec alarm = {0};
    if (armed_count) {
        uint64_t slot = wheel_at + 1;
        while (slot < wheel_at + SLOTS && !wheel[slot % SLOTS]) slot++;
        uint64_t at = slot * SLOT_NS;
        alarm.it_value.tv_sec = (time_t)(at / 1000000000ull);
        alarm.it_value.tv_nsec = (long)(at % 1000000000ull);
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &alarm, NULL);
}

/* --- requests ------------------------------------------------------------------------------------------------------------ */

static bool says_true(const char *body, size_t len, const char *name) {
    const char *at = memmem(body, len, name, strlen(name));
    if (!at) return false;
    const char *end = body + len;
    for (at += strlen(name); at < end && (*at == ' ' || *at == ':'); at++) {}
    return end - at >= 4 && !memcmp(at, "true", 4);
}

static const char *header(const char *head, size_t len, const char *name) {
    size_t name_len = strlen(name);
    const char *end = head + len;
    for (const char *line = memchr(head, '\n', len); line && ++line < end; line = memchr(line, '\n', (size_t)(end - line))) {
        if ((size_t)(end - line) <= name_len || strncasecmp(line, name, name_len) || line[name_len] != ':') continue;
        for (line += name_len + 1; line < end && *line == ' '; line++) {}
        return line;
    }
    return NULL;
}

static bool reply(struct conn *c, const char *status, const char *body) {
    char bytes[1024];
    int len = snprintf(bytes, sizeof bytes, "HTTP/1.1 %s\r\ncontent-type: application/json\r\nserver: fake-engine\r\ncontent-length: %zu\r\n\r\n%s", status,
                       strlen(body), body);
    return send_all(c, bytes, (size_t)len);
}

static bool respond(struct conn *c, const char *head, size_t head_len, const char *body, size_t body_len) {
    if (head_len > 26 && !memcmp(head, "POST /v1/chat/completions ", 26)) {
        if (body_len < 2 || body[0] != '{' || body[body_len - 1] != '}' || !memmem(body, body_len, "\"fake-model\"", 12)) {
            bad_requests++;
            return reply(c, "400 Bad Request", "{\"error\":{\"message\":\"not a whole JSON object that names fake-model\",\"type\":\"invalid_request_error\",\"code\":\"bad_body\"}}");
        }
        if (says_true(body, body_len, "\"stream\"")) {
            c->wants_usage = says_true(body, body_len, "\"include_usage\"");
            return begin_stream(c);
        }
        calls++;
        return send_all(c, answer, answer_len);
    }
    if (!memcmp(head, "GET /v1/models ", 15))
        return reply(c, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"fake-model\",\"object\":\"model\",\"created\":1760000000,\"owned_by\":\"bench\"}]}");
    if (!memcmp(head, "GET /health", 11)) return reply(c, "200 OK", "{\"status\":\"ok\"}");
    if (!memcmp(head, "GET /bench/stats ", 17)) {
        char stats[256];
        snprintf(stats, sizeof stats, "{\"calls\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"streams_done\":%" PRIu64 ",\"open_streams\":%" PRIu64 ",\"bad_requests\":%" PRIu64 "}", calls,
                 streams, streams_done, open_streams, bad_requests);
        return reply(c, "200 OK", stats);
    }
    return reply(c, "404 Not Found", "{\"error\":{\"message\":\"no such route\",\"type\":\"invalid_request_error\",\"code\":\"not_found\"}}");
}

/* Joins the chunks at *body* in place. Returns the bytes they took, 0 while some are missing, -1 when they are garbage. */
static ssize_t join_chunks(char *body, size_t len, size_t *joined) {
    size_t at = 0, to = 0;
    for (int pass = 0; pass < 2; pass++) { /* first look whether all is there, then move */
        at = to = 0;
        for (;;) {
            char *line_end = memmem(body + at, len - at, "\r\n", 2);
            if (!line_end) return 0;
            char *stop;
            unsigned long size = strtoul(body + at, &stop, 16);
            if (stop == body + at || size > MAX_REQUEST) return -1;
            at = (size_t)(line_end - body) + 2;
            if (len - at < size + 2) return 0;
            if (pass && size) memmove(body + to, body + at, size);
            to += size;
            at += size + 2;
            if (!size) break;
        }
    }
    *joined = to;
    return (ssize_t)at;
}

/* Answers every whole request in c->in, one at a time. Returns false when the connection is gone. */
static bool consume(struct conn *c) {
    while (c->in_len && !c->streaming) {
        char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (!end) break;
        size_t head_len = (size_t)(end - c->in) + 4, body_len = 0, taken;
        const char *length = header(c->in, head_len, "content-length"), *coding = header(c->in, head_len, "transfer-encoding");
        if (coding && !strncasecmp(coding, "chunked", 7)) {
            ssize_t took = join_chunks(c->in + head_len, c->in_len - head_len, &body_len);
            if (!took) break;
            if (took < 0) return drop(c), false;
            taken = head_len + (size_t)took;
        } else {
            body_len = length ? strtoul(length, NULL, 10) : 0;
            taken = head_len + body_len;
            if (c->in_len < taken) break;
        }
        const char *connection = header(c->in, head_len, "connection");
        c->close_after = connection && !strncasecmp(connection, "close", 5);
        if (!respond(c, c->in, head_len, c->in + head_len, body_len)) return false;
        memmove(c->in, c->in + taken, c->in_len - taken);
        c->in_len -= taken;
        if (c->close_after && !c->streaming && c->out_len == c->out_at) return drop(c), false;
    }
    if (!c->in_len && c->streaming) { /* a stream's request is not kept for as long as the stream lasts */
        free(c->in);
        c->in = NULL;
        c->in_cap = 0;
    }
    return true;
}

static void readable(struct conn *c) {
    for (;;) {
        if (c->in_cap - c->in_len < 2048) {
            c->in_cap = c->in_cap ? c->in_cap * 4 : 8192;
            if (c->in_cap > MAX_REQUEST) return drop(c);
            c->in = realloc(c->in, c->in_cap);
            if (!c->in) abort();
        }
        size_t room = c->in_cap - c->in_len;
        ssize_t got = recv(c->fd, c->in + c->in_len, room, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return drop(c);
        if (got < 0) return;
        c->in_len += (size_t)got;
        if ((size_t)got == room) continue;
        consume(c);
        return;
    }
}

static void accept_all(void) {
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0) return;
        if (fd >= MAX_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        conns[fd] = calloc(1, sizeof(struct conn));
        if (!conns[fd]) abort();
        conns[fd]->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void write_answer(void) {
    static const char before[] = "{\"id\":\"chatcmpl-bench000000001\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"fake-model\","
                                 "\"system_fingerprint\":\"fp_bench0000\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
    static const char after[] = "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":64,\"total_tokens\":264}}";
    static const char words[] = "The keeper climbs the stairs of the lighthouse and looks at the sea. ";
    size_t fill = ANSWER_BYTES - (sizeof before - 1) - (sizeof after - 1);
    answer_len = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: fake-engine\r\ncontent-length: %d\r\n\r\n%s", ANSWER_BYTES, before);
    for (size_t index = 0; index < fill; index++) answer[answer_len++] = words[index % (sizeof words - 1)];
    memcpy(answer + answer_len, after, sizeof after - 1);
    answer_len += sizeof after - 1;
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    int one = 1;
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listen_fd, (struct sockaddr *)&address, address_len) || listen(listen_fd, 4096)) return perror("listen"), -1;
    getsockname(listen_fd, (struct sockaddr *)&address, &address_len);
    return ntohs(address.sin_port);
}

int main(int argc, char **argv) {
    int port = 0;
    for (int index = 1; index + 1 < argc; index += 2) {
        if (!strcmp(argv[index], "--port")) port = atoi(argv[index + 1]);
        else if (!strcmp(argv[index], "--events")) event_count = atoi(argv[index + 1]);
        else if (!strcmp(argv[index], "--interval-ms")) interval_ns = (uint64_t)(atof(argv[index + 1]) * 1e6);
        else return fprintf(stderr, "unknown option %s\n", argv[index]), 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    write_answer();
    if ((port = listen_on(port)) < 0) return 1;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    wheel_at = now_ns() / SLOT_NS;
    struct epoll_event listening = {.events = EPOLLIN, .data.fd = listen_fd}, alarm = {.events = EPOLLIN, .data.fd = timer_fd};
    struct epoll_event parent = {.events = EPOLLIN | EPOLLHUP, .data.fd = 0};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &listening);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &alarm);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &parent); /* a bench that dies takes its engines with it; fails, harmlessly, on a file */
    printf("ready %d\n", port);
    fflush(stdout);
    static struct epoll_event events[512];
    for (;;) {
        set_alarm();
        int count = epoll_wait(epoll_fd, events, 512, -1);
        turn_wheel();
        for (int index = 0; index < count; index++) {
            int fd = events[index].data.fd;
            if (fd == 0) return 0;
            if (fd == listen_fd) accept_all();
            else if (fd == timer_fd) {
                uint64_t expirations;
                if (read(timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN) return perror("timerfd"), 1;
            } else if (conns[fd]) {
                if (events[index].events & EPOLLOUT && !flush(conns[fd])) continue;
                if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(conns[fd]);
            }
        }
    }
}
