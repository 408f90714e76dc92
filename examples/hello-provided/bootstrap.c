// A whole Lambda runtime in one file of C, without a library: takes an event, answers with the same bytes.
//
// A custom runtime is a program named `bootstrap` that talks to the Runtime API, plain HTTP on the address in
// AWS_LAMBDA_RUNTIME_API: GET …/next waits for an event, POST …/response answers it.

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// The largest event is 6 MiB; the rest is for the head.
enum { BUFFER_SIZE = 6 * 1024 * 1024 + 64 * 1024, REQUEST_ID_SIZE = 64, HEAD_SIZE = 512 };

static char buffer[BUFFER_SIZE + 1];

// One response in `buffer`.
struct response {
    int status;
    char *body;
    size_t body_size;
    char request_id[REQUEST_ID_SIZE];
};

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "bootstrap: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int connect_to(const char *address) {
    char host[256];
    const char *colon = strrchr(address, ':');
    if (colon == NULL || (size_t)(colon - address) >= sizeof host) {
        errno = EINVAL;
        fail("AWS_LAMBDA_RUNTIME_API is not host:port");
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';

    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        fail("cannot resolve the Runtime API's address");
    }
    int connection = socket(found->ai_family, found->ai_socktype, 0);
    if (connection < 0 || connect(connection, found->ai_addr, found->ai_addrlen) != 0) {
        fail("cannot connect to the Runtime API");
    }
    freeaddrinfo(found);
    int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

static void send_all(int connection, const char *head, size_t head_size, const char *body, size_t body_size) {
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)body, body_size}};
    int first = 0;
    while (first < 2) {
        ssize_t sent = writev(connection, parts + first, 2 - first);
        if (sent < 0) {
            if (errno == EINTR) continue;
            fail("cannot send to the Runtime API");
        }
        while (first < 2 && (size_t)sent >= parts[first].iov_len) {
            sent -= (ssize_t)parts[first].iov_len;
            first += 1;
        }
        if (first < 2) {
            parts[first].iov_base = (char *)parts[first].iov_base + sent;
            parts[first].iov_len -= (size_t)sent;
        }
    }
}

// Reads one response with a Content-Length. No bytes follow it, because nothing else was asked for.
static struct response receive(int connection) {
    size_t filled = 0;
    char *head_end = NULL;
    struct response response = {0};
    for (;;) {
        ssize_t received = read(connection, buffer + filled, BUFFER_SIZE - filled);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) fail("the Runtime API has closed the connection");
        filled += (size_t)received;
        buffer[filled] = '\0';
        if (head_end == NULL) {
            head_end = strstr(buffer, "\r\n\r\n");
            if (head_end == NULL) continue;
            response.body = head_end + 4;
            response.status = atoi(buffer + strlen("HTTP/1.1 "));
            for (char *line = strstr(buffer, "\r\n"); line != NULL && line < head_end; line = strstr(line, "\r\n")) {
                line += 2;
                static const char length_name[] = "content-length:";
                static const char id_name[] = "lambda-runtime-aws-request-id:";
                if (strncasecmp(line, length_name, sizeof length_name - 1) == 0) {
                    response.body_size = strtoul(line + sizeof length_name - 1, NULL, 10);
                } else if (strncasecmp(line, id_name, sizeof id_name - 1) == 0) {
                    sscanf(line + sizeof id_name - 1, " %63[^\r]", response.request_id);
                }
            }
        }
        if (filled >= (size_t)(response.body - buffer) + response.body_size) return response;
    }
}

int main(void) {
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    if (address == NULL) {
        errno = EINVAL;
        fail("AWS_LAMBDA_RUNTIME_API is not set");
    }
    int connection = connect_to(address);
    char head[HEAD_SIZE];
    for (;;) {
        int size = snprintf(head, sizeof head,
                            "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", address);
        send_all(connection, head, (size_t)size, NULL, 0);
        struct response event = receive(connection);
        if (event.status != 200) {
            errno = EPROTO;
            fail("the Runtime API refused to hand over an event");
        }

        size = snprintf(head, sizeof head,
                        "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        event.request_id, address, event.body_size);
        send_all(connection, head, (size_t)size, event.body, event.body_size);
        // A refusal means that the invoke has ended meanwhile; the next one is not concerned.
        receive(connection);
    }
}
