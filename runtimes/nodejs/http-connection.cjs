'use strict';

// One keep-alive HTTP/1.1 connection for one request at a time, on a bare socket: a warm invoke is two small
// requests, and node:http spends more on each than most handlers do.

const net = require('node:net');

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
/** Bodies up to this size, in bytes, are joined with the head so that they leave in one write. */
const JOINED_BODY_MAX = 64 * 1024;

class HTTPConnection {
    #host;
    #port;
    #socket = null;
    #parser = null;
    #pending = null;

    /** @param {string} address `host:port` */
    constructor(address) {
        const colon = address.lastIndexOf(':');
        this.#host = address.slice(0, colon);
        this.#port = Number(address.slice(colon + 1));
        this.address = address;
    }

    /**
     * Sends a request and resolves with `{status, headers, body}` once its response is complete; rejects when the
     * connection ends before. While no request is under way the connection does not keep the event loop alive.
     */
    request(method, path, headers, body) {
        if (this.#pending) {
            return Promise.reject(new Error('a request is under way already'));
        }
        return new Promise((resolve, reject) => {
            this.#pending = { resolve, reject };
            this.#parser = new ResponseParser();
            const socket = this.#connected();
            socket.ref();
            this.#write(socket, method, path, headers, body);
        });
    }

    /**
     * Begins a request whose body comes in pieces, and returns the {@link ChunkedBody} to write it to. Until its end
     * the request does not keep the event loop alive; what is being written does.
     *
     * @param {string[]} trailers the names of the fields that may stand behind the body
     */
    stream(method, path, headers, trailers) {
        if (this.#pending) {
            throw new Error('a request is under way already');
        }
        const body = new ChunkedBody(this.#connected());
        body.response = new Promise((resolve, reject) => {
            this.#pending = { resolve, reject, body };
        });
        // Whoever writes looks at the response last; a connection that is lost before must not count as unhandled.
        body.response.catch(() => {});
        this.#parser = new ResponseParser();
        let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.address}\r\n`;
        for (const name in headers) {
            head += `${name}: ${headers[name]}\r\n`;
        }
        body.begin(`${head}transfer-encoding: chunked\r\ntrailer: ${trailers.join(', ')}\r\n\r\n`);
        return body;
    }

    #connected() {
        if (this.#socket) {
            return this.#socket;
        }
        const socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
        socket.on('data', (bytes) => this.#received(bytes));
        socket.on('error', (error) => this.#ended(socket, error));
        socket.on('close', () => this.#ended(socket, new Error('the connection to the Runtime API was closed')));
        this.#socket = socket;
        return socket;
    }

    #write(socket, method, path, headers, body) {
        let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.address}\r\n`;
        for (const name in headers) {
            head += `${name}: ${headers[name]}\r\n`;
        }
        if (body === undefined) {
            socket.write(`${head}\r\n`, 'latin1');
            return;
        }
        const size = Buffer.byteLength(body);
        head += `content-length: ${size}\r\n\r\n`;
        if (typeof body === 'string' && size <= JOINED_BODY_MAX) {
            socket.write(head + body, 'utf8');
            return;
        }
        socket.cork();
        socket.write(head, 'latin1');
        socket.write(body);
        socket.uncork();
    }

    #received(bytes) {
        let response;
        try {
            if (!this.#parser) {
                throw new Error('the Runtime API sent bytes that nobody asked for');
            }
            response = this.#parser.push(bytes);
        } catch (error) {
            const socket = this.#socket;
            this.#ended(socket, error);
            socket?.destroy();
            return;
        }
        if (!response) {
            return;
        }
        const { resolve, body } = this.#pending;
        this.#pending = null;
        this.#parser = null;
        // A response that came before the end of the body is a refusal; the rest of the body has no place to go.
        const isCutShort = body?.isOpen ?? false;
        body?.close();
        if (isCutShort || response.headers.connection?.toLowerCase() === 'close') {
            this.#socket.destroy();
            this.#socket = null;
        } else {
            this.#socket.unref();
        }
        resolve(response);
    }

    #ended(socket, error) {
        if (socket !== this.#socket) {
            return;
        }
        this.#socket = null;
        this.#parser = null;
        const pending = this.#pending;
        this.#pending = null;
        pending?.body?.close();
        pending?.reject(error);
    }
}

/** The body of a request that {@link HTTPConnection.stream} has begun. */
class ChunkedBody {
    #socket;
    #head = null;
    /** Whether pieces are still taken; pieces that come later are dropped. */
    isOpen = true;
    /** Resolves with the response, and rejects when the connection ends before. */
    response;

    constructor(socket) {
        this.#socket = socket;
    }

    begin(head) {
        this.#head = head;
        this.#socket.unref();
    }

    /** Sends pieces at once; `callback` is called when the kernel has taken them. */
    write(pieces, callback) {
        const filled = pieces.filter((piece) => piece.length > 0);
        if (!this.isOpen || (filled.length === 0 && this.#head === null)) {
            process.nextTick(callback);
            return;
        }
        const socket = this.#socket;
        socket.cork();
        this.#writeHead();
        for (const piece of filled) {
            // An empty piece would be the end of the body, hence the filter above.
            socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
            socket.write(piece);
            socket.write('\r\n', 'latin1');
        }
        // The callback of the last write stands for all of them; an error shows in the response.
        socket.write('', () => callback());
        socket.uncork();
    }

    /** Ends the body, with fields behind it. */
    end(trailers = {}) {
        if (!this.isOpen) {
            return;
        }
        this.isOpen = false;
        const fields = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
        this.#socket.cork();
        this.#writeHead();
        this.#socket.write(`0\r\n${fields.join('')}\r\n`, 'latin1');
        this.#socket.uncork();
        this.#socket.ref();
    }

    /** Takes no more pieces. */
    close() {
        this.isOpen = false;
    }

    #writeHead() {
        if (this.#head !== null) {
            this.#socket.write(this.#head, 'latin1');
            this.#head = null;
        }
    }
}

/** Takes a response's bytes as they come; `push` returns the response once it is complete. */
class ResponseParser {
    #bytes = null;
    #head = null;
    #body = [];

    push(bytes) {
        this.#bytes = this.#bytes?.length ? Buffer.concat([this.#bytes, bytes]) : bytes;
        if (!this.#head && !this.#parseHead()) {
            return undefined;
        }
        return this.#head.chunked ? this.#pushChunked() : this.#pushCounted();
    }

    #parseHead() {
        let end;
        do {
            end = this.#bytes.indexOf(HEAD_END);
            if (end < 0) {
                return false;
            }
            const lines = this.#bytes.latin1Slice(0, end).split('\r\n');
            this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
            const match = /^HTTP\/1\.[01] (\d{3})/.exec(lines[0]);
            if (!match) {
                throw new Error('the Runtime API sent something that is not HTTP');
            }
            const headers = Object.create(null);
            for (let index = 1; index < lines.length; index += 1) {
                const colon = lines[index].indexOf(':');
                headers[lines[index].slice(0, colon).toLowerCase()] = lines[index].slice(colon + 1).trim();
            }
            this.#head = {
                status: Number(match[1]),
                headers,
                chunked: headers['transfer-encoding']?.toLowerCase() === 'chunked',
                length: Number(headers['content-length'] ?? 0),
            };
        } while (this.#head.status < 200);
        if (!Number.isSafeInteger(this.#head.length) || this.#head.length < 0) {
            throw new Error('the Runtime API sent a bad content length');
        }
        return true;
    }

    #pushCounted() {
        const { length } = this.#head;
        // A large body is gathered piece by piece and joined once.
        if (this.#body.length === 0 && this.#bytes.length >= length) {
            return this.#complete(this.#bytes.subarray(0, length));
        }
        this.#body.push(this.#bytes);
        this.#bytes = null;
        this.#head.gathered = (this.#head.gathered ?? 0) + this.#body.at(-1).length;
        return this.#head.gathered >= length ? this.#complete(Buffer.concat(this.#body, length)) : undefined;
    }

    #pushChunked() {
        for (;;) {
            const lineEnd = this.#bytes.indexOf(LINE_END);
            if (lineEnd < 0) {
                return undefined;
            }
            const size = Number.parseInt(this.#bytes.latin1Slice(0, lineEnd), 16);
            if (!Number.isSafeInteger(size) || size < 0) {
                throw new Error('the Runtime API sent a bad chunk size');
            }
            const start = lineEnd + LINE_END.length;
            if (this.#bytes.length < start + size + LINE_END.length) {
                return undefined;
            }
            this.#body.push(this.#bytes.subarray(start, start + size));
            this.#bytes = this.#bytes.subarray(start + size + LINE_END.length);
            if (size === 0) {
                return this.#complete(Buffer.concat(this.#body));
            }
        }
    }

    #complete(body) {
        return { status: this.#head.status, headers: this.#head.headers, body };
    }
}

module.exports = { HTTPConnection };
