/* Opens many event streams at once, reads them to their end, and says how late their events came.
 *
 *   stream_client --port P --streams C --events N --body FILE [--path /v1/chat/completions] [--authorization "Bearer ..."]
 *                 [--ramp-ms 0] [--timeout-s 60] [--seconds 0] [--report-ms 1000]
 *
 * Each stream is one connection and one POST. A content event says "INDEX:NANOSECONDS word" (see fake_engine.c); its latency is
 * CLOCK_MONOTONIC when its bytes were received less that stamp. First-token time counts from the start of connect() to event 0.
 * A stream is right when it answered 200, brought the events 0 .. N-1 in order, a finish reason and "data: [DONE]", and ended as
 * its framing says. Anything else is an error, counted by kind. Prints one line of JSON; exit code 1 when there were errors.
 *
 * With --seconds a stream that ends is followed by a new one until that time has passed, so that --streams of them are open all the
 * time; latencies then go into buckets (3 % wide) instead of a list, and a line {"report": ...} is printed every --report-ms. */
#define _GNU_SOURCE
#include <arpa/inet.h>
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
#include <time.h>
#include <unistd.h>

#define MAX_LINE (1u << 20)
#define READ_BYTES 65536

enum framing { HEAD, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILERS, COUNTED, UNTIL_CLOSE, ENDED };
enum kind { CONNECT, STATUS, GARBAGE, MISSING, NO_FINISH, NO_DONE, CUT, TIMED_OUT, KINDS };
static const char *kind_names[KINDS] = {"connect", "status", "garbage", "missing_event", "no_finish", "no_done", "cut", "timeout"};

struct buffer {
    char *bytes;
    size_t len, cap;
};

struct stream {
    int fd;
    enum framing framing;
    bool open, finished, done;
    uint64_t began_ns, left; /* left: bytes of this chunk or body */
    size_t sent;
    int next_event;
    struct buffer frame, line; /* of HTTP: head, chunk size · of the event stream: a chunk may end inside a line */
};

#define SLOTS 2048 /* 32 for each doubling, all of 64 bits */

struct buckets {
    uint64_t counts[SLOTS], count, max;
};

static struct stream *streams;
static int stream_count = 1, expected_events = 64, epoll_fd, open_count, peak_open, started_count, ok_count, finished_count;
static uint64_t errors[KINDS], event_count, content_count, latency_count, first_count;
static uint64_t *latencies, *firsts;
static bool steady; /* --seconds */
static struct buckets all_latencies, new_latencies, all_firsts;
static char *request, first_error[300];
static size_t request_len;
static struct sockaddr_in server = {.sin_family = AF_INET};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void keep_in(struct buckets *buckets, uint64_t ns) {
    unsigned slot = (unsigned)ns;
    if (ns >= 64) {
        unsigned shift = 58u - (unsigned)__builtin_clzll(ns);
        slot = (shift + 1) * 32 + (unsigned)((ns >> shift) & 31);
    }
    buckets->counts[slot]++;
    buckets->count++;
    if (ns > buckets->max) buckets->max = ns;
}

/* Returns the upper edge of the bucket that holds the *share* quantile, no more than the greatest value; -1 of nothing. */
static double bucket_ms(const struct buckets *buckets, double share) {
    uint64_t rank = (uint64_t)(share * (double)buckets->count), seen = 0;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        seen += buckets->counts[slot];
        if (seen <= rank && seen < buckets->count) continue;
        if (!buckets->count) break;
        uint64_t edge = slot < 64 ? slot : (uint64_t)(33 + (slot & 31)) << (slot / 32 - 1);
        return (double)(edge < buckets->max ? edge : buckets->max) / 1e6;
    }
    return -1;
}

static void end(struct stream *s, int error, const char *detail) {
    if (!s->open) return;
    s->open = false;
    close(s->fd);
    open_count--;
    finished_count++;
    if (error < 0) ok_count++;
    else errors[error]++;
    if (error >= 0 && !first_error[0]) snprintf(first_error, sizeof first_error, "%s: %.200s (after %d events)", kind_names[error], detail, s->next_event);
    free(s->line.bytes); /* only now: the detail may lie in it */
    free(s->frame.bytes);
    s->line = s->frame = (struct buffer){0};
}

static void complete(struct stream *s) {
    if (s->next_event != expected_events) end(s, MISSING, "the answer ended too early");
    else if (!s->finished) end(s, NO_FINISH, "no finish_reason came");
    else if (!s->done) end(s, NO_DONE, "no [DONE] came");
    else end(s, -1, "");
}

/* Returns where the value of *name* begins in a JSON text, spaces after the colon skipped; NULL when it is not there. */
static const char *value_of(const char *json, size_t len, const char *name) {
    const char *at = memmem(json, len, name, strlen(name)), *stop = json + len;
    if (!at) return NULL;
    for (at += strlen(name); at < stop && (*at == ' ' || *at == ':'); at++) {}
    return at < stop ? at : NULL;
}

static bool take_line(struct stream *s, uint64_t received_ns) {
    char *line = s->line.bytes;
    size_t len = s->line.len;
    if (len && line[len - 1] == '\r') len--;
    if (len < 5 || memcmp(line, "data:", 5)) return true; /* blank lines, comments, event names */
    line[len] = 0;
    event_count++;
    if (strstr(line, "[DONE]")) return s->done = true;
    const char *finish = value_of(line, len, "\"finish_reason\""), *content = value_of(line, len, "\"content\"");
    if (finish && *finish == '"') s->finished = true;
    if (!memcmp(line + 5, " {\"error\"", 9) || !memcmp(line + 5, "{\"error\"", 8)) return end(s, GARBAGE, line), false;
    if (!content || content[0] != '"' || content[1] < '0' || content[1] > '9') return true; /* role, finish, usage */
    char *stop;
    long index = strtol(content + 1, &stop, 10);
    if (*stop != ':' || index != s->next_event) return end(s, MISSING, line), false;
    uint64_t stamp_ns = strtoull(stop + 1, NULL, 10);
    if (stamp_ns > received_ns) return end(s, GARBAGE, line), false;
    if (steady) {
        keep_in(&all_latencies, received_ns - stamp_ns);
        keep_in(&new_latencies, received_ns - stamp_ns);
        if (!index) keep_in(&all_firsts, received_ns - s->began_ns);
    } else {
        if (latency_count >= (uint64_t)stream_count * (uint64_t)expected_events) return end(s, GARBAGE, line), false;
        latencies[latency_count++] = received_ns - stamp_ns;
        if (!index) firsts[first_count++] = received_ns - s->began_ns;
    }
    s->next_event++;
    content_count++;
    return true;
}

static void keep(struct buffer *buffer, const char *bytes, size_t len) {
    if (buffer->len + len + 1 > buffer->cap) {
        buffer->cap = (buffer->len + len + 1) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->cap);
        if (!buffer->bytes) abort();
    }
    memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = 0;
}

static bool take_body(struct stream *s, const char *bytes, size_t len, uint64_t received_ns) {
    while (len) {
        const char *newline = memchr(bytes, '\n', len);
        size_t part = newline ? (size_t)(newline - bytes) : len;
        keep(&s->line, bytes, part);
        if (s->line.len > MAX_LINE) return end(s, GARBAGE, "a line of more than 1 MiB"), false;
        if (!newline) return true;
        if (!take_line(s, received_ns)) return false;
        s->line.len = 0;
        bytes += part + 1;
        len -= part + 1;
    }
    return true;
}

/* Reads the head that ends at the blank line in s->frame. */
static bool take_head(struct stream *s) {
    char *head = s->frame.bytes;
    int status = 0;
    if (sscanf(head, "HTTP/1.%*d %d", &status) != 1) return end(s, GARBAGE, head), false;
    if (status != 200) {
        head[strcspn(head, "\r\n")] = 0;
        return end(s, STATUS, head), false;
    }
    char *length = strcasestr(head, "\ncontent-length:"), *coding = strcasestr(head, "\ntransfer-encoding:");
    s->framing = UNTIL_CLOSE;
    if (coding) s->framing = CHUNK_SIZE;
    else if (length) s->framing = COUNTED, s->left = strtoull(length + 16, NULL, 10);
    s->frame.len = 0;
    return true;
}

/* Takes one line of framing (head, chunk size, end of chunk, trailer) byte by byte. Returns false when the stream is over. */
static bool take_framing(struct stream *s, char byte) {
    keep(&s->frame, &byte, 1);
    if (s->frame.len > 65536) return end(s, GARBAGE, "64 KiB of framing"), false;
    if (byte != '\n') return true;
    size_t len = s->frame.len;
    if (s->framing == HEAD) {
        if (len < 4 || memcmp(s->frame.bytes + len - 4, "\r\n\r\n", 4)) return true;
        return take_head(s);
    }
    if (s->framing == CHUNK_SIZE) {
        char *stop;
        s->left = strtoull(s->frame.bytes, &stop, 16);
        if (stop == s->frame.bytes) return end(s, GARBAGE, "no chunk size"), false;
        s->framing = s->left ? CHUNK_DATA : TRAILERS;
    } else if (s->framing == CHUNK_END) s->framing = CHUNK_SIZE;
    else if (s->framing == TRAILERS && len <= 2) return s->framing = ENDED, complete(s), false;
    s->frame.len = 0;
    return true;
}

static void take(struct stream *s, const char *bytes, size_t len, uint64_t received_ns) {
    while (len) {
        if (s->framing == CHUNK_DATA || s->framing == COUNTED || s->framing == UNTIL_CLOSE) {
            size_t part = s->framing == UNTIL_CLOSE || len < s->left ? len : (size_t)s->left;
            if (!take_body(s, bytes, part, received_ns)) return;
            bytes += part;
            len -= part;
            if (s->framing == UNTIL_CLOSE) continue;
            s->left -= part;
            if (s->left) continue;
            if (s->framing == COUNTED) return complete(s);
            s->framing = CHUNK_END;
            continue;
        }
        if (!take_framing(s, *bytes)) return;
        bytes++;
        len--;
    }
}

static void readable(struct stream *s) {
    static char buffer[READ_BYTES];
    ssize_t got = recv(s->fd, buffer, sizeof buffer, 0);
    if (got > 0) return take(s, buffer, (size_t)got, now_ns());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!got && s->framing == UNTIL_CLOSE) return complete(s);
    end(s, s->sent ? CUT : CONNECT, got ? strerror(errno) : "closed before its end");
}

static void writable(struct stream *s) {
    ssize_t sent = send(s->fd, request + s->sent, request_len - s->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return end(s, CONNECT, strerror(errno));
    if (sent > 0) s->sent += (size_t)sent;
    struct epoll_event event = {.events = EPOLLIN | (s->sent < request_len ? EPOLLOUT : 0u), .data.ptr = s};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, s->fd, &event);
}

static void open_stream(struct stream *s) {
    int one = 1;
    *s = (struct stream){.began_ns = now_ns(), .open = true};
    started_count++;
    open_count++;
    if (open_count > peak_open) peak_open = open_count;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) return end(s, CONNECT, strerror(errno));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) return end(s, CONNECT, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event);
}

static int ascending(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const uint64_t *sorted, uint64_t count, double share) {
    if (!count) return -1;
    uint64_t index = (uint64_t)(share * (double)count);
    return (double)sorted[index < count ? index : count - 1] / 1e6;
}

static void print_string(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        if ((unsigned char)*text >= 32 && (unsigned char)*text < 127) putchar(*text);
    }
    putchar('"');
}

static uint64_t error_sum(void) {
    uint64_t sum = 0;
    for (int kind = 0; kind < KINDS; kind++) sum += errors[kind];
    return sum;
}

static void print_report(uint64_t wall_ns) {
    printf("{\"report\": true, \"wall_s\": %.3f, \"streams\": %d, \"open\": %d, \"ok\": %d, \"errors\": %" PRIu64 ", \"events\": %" PRIu64, (double)wall_ns / 1e9, started_count,
           open_count, ok_count, error_sum(), event_count);
    printf(", \"first_error\": ");
    print_string(first_error);
    printf(", \"event_latency_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}\n", bucket_ms(&new_latencies, 0.5), bucket_ms(&new_latencies, 0.99), bucket_ms(&new_latencies, 1));
    fflush(stdout);
    new_latencies = (struct buckets){0};
}

static void print_result(uint64_t wall_ns) {
    uint64_t error_count = error_sum();
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    qsort(firsts, first_count, sizeof *firsts, ascending);
    printf("{\"streams\": %d, \"ok\": %d, \"errors\": %" PRIu64 ", \"error_kinds\": {", steady ? started_count : stream_count, ok_count, error_count);
    for (int kind = 0; kind < KINDS; kind++) printf("%s\"%s\": %" PRIu64, kind ? ", " : "", kind_names[kind], errors[kind]);
    printf("}, \"first_error\": ");
    print_string(first_error);
    printf(", \"events\": %" PRIu64 ", \"content_events\": %" PRIu64 ", \"peak_open\": %d, \"wall_s\": %.3f", event_count, content_count, peak_open, (double)wall_ns / 1e9);
    double first[] = {percentile_ms(firsts, first_count, 0.5), percentile_ms(firsts, first_count, 0.99)};
    double latency[] = {percentile_ms(latencies, latency_count, 0.5), percentile_ms(latencies, latency_count, 0.99), percentile_ms(latencies, latency_count, 1)};
    if (steady) {
        first[0] = bucket_ms(&all_firsts, 0.5), first[1] = bucket_ms(&all_firsts, 0.99);
        latency[0] = bucket_ms(&all_latencies, 0.5), latency[1] = bucket_ms(&all_latencies, 0.99), latency[2] = bucket_ms(&all_latencies, 1);
    }
    printf(", \"first_token_ms\": {\"p50\": %.3f, \"p99\": %.3f}", first[0], first[1]);
    printf(", \"event_latency_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}\n", latency[0], latency[1], latency[2]);
}

static char *read_file(const char *name, size_t *len) {
    FILE *file = fopen(name, "rb");
    if (!file) return perror(name), NULL;
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*len + 1);
    if (!bytes || fread(bytes, 1, *len, file) != *len) return NULL;
    fclose(file);
    return bytes;
}

int main(int argc, char **argv) {
    const char *path = "/v1/chat/completions", *authorization = NULL, *body_name = NULL;
    int port = 0;
    double ramp_ms = 0, timeout_s = 60, seconds = 0, report_ms = 1000;
    for (int index = 1; index + 1 < argc; index += 2) {
        const char *name = argv[index], *value = argv[index + 1];
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--streams")) stream_count = atoi(value);
        else if (!strcmp(name, "--events")) expected_events = atoi(value);
        else if (!strcmp(name, "--body")) body_name = value;
        else if (!strcmp(name, "--path")) path = value;
        else if (!strcmp(name, "--authorization")) authorization = value;
        else if (!strcmp(name, "--ramp-ms")) ramp_ms = atof(value);
        else if (!strcmp(name, "--timeout-s")) timeout_s = atof(value);
        else if (!strcmp(name, "--seconds")) seconds = atof(value);
        else if (!strcmp(name, "--report-ms")) report_ms = atof(value);
        else return fprintf(stderr, "unknown option %s\n", name), 2;
    }
    size_t body_len;
    char *body = body_name ? read_file(body_name, &body_len) : NULL;
    if (!port || !body || stream_count < 1 || expected_events < 1) return fprintf(stderr, "--port, --streams, --events and a readable --body are needed\n"), 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    server.sin_port = htons((uint16_t)port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    request = malloc(body_len + 4096);
    request_len = (size_t)snprintf(request, 4096, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n%s%s%scontent-length: %zu\r\n\r\n",
                                   path, port, authorization ? "authorization: " : "", authorization ? authorization : "", authorization ? "\r\n" : "", body_len);
    if (request_len >= 4096) return fprintf(stderr, "the head is too long\n"), 2;
    memcpy(request + request_len, body, body_len);
    request_len += body_len;
    streams = calloc((size_t)stream_count, sizeof *streams);
    latencies = malloc((size_t)stream_count * (size_t)expected_events * sizeof *latencies);
    firsts = malloc((size_t)stream_count * sizeof *firsts);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!streams || !latencies || !firsts || epoll_fd < 0) return perror("start"), 1;

    steady = seconds > 0;
    uint64_t began_ns = now_ns(), stop_ns = began_ns + (uint64_t)(seconds * 1e9), deadline_ns = stop_ns + (uint64_t)(timeout_s * 1e9);
    uint64_t report_ns = began_ns + (uint64_t)(report_ms * 1e6);
    int opened = 0, next = 0;
    static struct epoll_event events[512];
    while (steady ? open_count || now_ns() < stop_ns : finished_count < stream_count) {
        uint64_t now = now_ns();
        if (now > deadline_ns) break;
        double due = ramp_ms > 0 ? (double)(now - began_ns) / 1e6 / ramp_ms * stream_count + 1 : stream_count;
        for (int burst = 0; opened < stream_count && opened < due && burst < 16; burst++) open_stream(&streams[opened++]);
        /* A stream that ended is followed by one in its place; sixteen a turn, so that a server that refuses is not hammered. */
        for (int looked = 0, burst = 0; steady && now < stop_ns && open_count < opened && looked < opened && burst < 16; looked++, next++)
            if (next %= opened, !streams[next].open) open_stream(&streams[next]), burst++;
        if (steady && now >= report_ns) print_report(now - began_ns), report_ns = now + (uint64_t)(report_ms * 1e6);
        int count = epoll_wait(epoll_fd, events, 512, opened < stream_count ? (opened < due ? 0 : 1) : steady ? 10 : 100);
        for (int index = 0; index < count; index++) {
            struct stream *s = events[index].data.ptr;
            if (s->open && events[index].events & EPOLLOUT) writable(s);
            if (s->open && events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(s);
        }
    }
    uint64_t wall_ns = now_ns() - began_ns;
    for (int index = 0; index < stream_count; index++) {
        if (!streams[index].began_ns && !steady) streams[index].fd = -1, streams[index].open = true, open_count++;
        end(&streams[index], TIMED_OUT, "the deadline passed");
    }
    print_result(wall_ns);
    return error_sum() || ok_count != (steady ? started_count : stream_count);
}
