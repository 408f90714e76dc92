'use strict';

// Response streaming: the global `awslambda`, the stream that a streaming handler writes to, and the run of one.

const { Writable } = require('node:stream');
const { RuntimeError } = require('./errors.cjs');
const { makeContext } = require('./invoke.cjs');

/** How `streamifyResponse` marks a handler; instrumentation that wraps handlers looks for these too. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const STREAMED_RESPONSE = 'response';

const DEFAULT_TYPE = 'application/octet-stream';
/** The type of a response whose status and headers stand before its body. */
const HTTP_INTEGRATION_TYPE = 'application/vnd.awslambda.http-integration-response';
/** What separates these from the body: nothing that JSON could hold. */
const PRELUDE_END = Buffer.alloc(8);

/** What a function finds as the global `awslambda`. */
const awslambda = {
    /** Marks a handler as one that writes its response to a stream: `(event, responseStream, context)`. */
    streamifyResponse(handler, options) {
        handler[STREAMING] = STREAMED_RESPONSE;
        if (typeof options?.highWaterMark === 'number') {
            handler[HIGH_WATER_MARK] = options.highWaterMark;
        }
        return handler;
    },
    HttpResponseStream: class HttpResponseStream {
        /** Makes a stream of a response's body: status, headers and cookies go before the first byte. */
        static from(stream, prelude) {
            stream.setContentType(HTTP_INTEGRATION_TYPE);
            stream._onBeforeFirstWrite = (write) => {
                write(JSON.stringify(prelude));
                write(PRELUDE_END);
            };
            return stream;
        }
    },
};

function isStreaming(handler) {
    const mark = handler[STREAMING];
    if (mark && mark !== STREAMED_RESPONSE) {
        throw new RuntimeError('MalformedStreamingHandler', 'Only response streaming is supported.');
    }
    return Boolean(mark);
}

/** The response of one invoke as a stream. Its request begins with the first write, and each write leaves at once. */
class ResponseStream extends Writable {
    #open;
    #contentType = DEFAULT_TYPE;
    #isWritten = false;
    /** Where the bytes go; `null` before the first. */
    body = null;
    /** Called with a function that writes before everything else. */
    _onBeforeFirstWrite = null;

    /** @param open makes the body, given the content type */
    constructor(open, highWaterMark) {
        super({ highWaterMark });
        this.#open = open;
        // Whoever destroys the stream has told its handler too; see `StreamedOutcome`.
        this.on('error', () => {});
    }

    setContentType(type) {
        if (this.#isWritten) {
            throw new RuntimeError('InvalidStreamingOperation', 'Cannot set content-type, too late.');
        }
        // A header is one line.
        this.#contentType = String(type).replace(/[\r\n]/g, ' ');
    }

    write(chunk, ...rest) {
        const isPlain = typeof chunk === 'string' || chunk instanceof Uint8Array || chunk === null;
        return super.write(isPlain || chunk === undefined ? chunk : JSON.stringify(chunk), ...this.#first(rest));
    }

    end(...all) {
        // `end` with a chunk is a write as well, but not one that passes through `write` above.
        this.#first(all);
        return super.end(...all);
    }

    #first(passedOn) {
        if (!this.#isWritten) {
            this.#isWritten = true;
            this._onBeforeFirstWrite?.((chunk) => super.write(chunk));
        }
        return passedOn;
    }

    _write(chunk, _encoding, callback) {
        this.#opened().write([chunk], callback);
    }

    _writev(entries, callback) {
        this.#opened().write(
            entries.map(({ chunk }) => chunk),
            callback,
        );
    }

    _final(callback) {
        this.#opened().end();
        callback();
    }

    /** Resolves when everything that was written has left, or never will. */
    async flushed() {
        while (this.writableCorked > 0) {
            this.uncork();
        }
        if (this.#isWritten && !this.destroyed && !this.writableEnded) {
            await new Promise((resolve) => {
                super.write('', resolve);
            });
        }
    }

    #opened() {
        this.body ??= this.#open(this.#contentType);
        return this.body;
    }
}

/**
 * The outcome of a streaming handler: it has come when the handler's promise has settled and the stream has ended, or
 * as soon as either has failed.
 */
class StreamedOutcome {
    #settle;
    #stream;

    constructor(stream) {
        this.#stream = stream;
        this.promise = new Promise((resolve) => {
            this.#settle = resolve;
        });
    }

    /** The handler has failed. */
    failed(error) {
        this.#settle({ error: error ?? new Error(String(error)) });
    }

    /** The handler's promise has resolved; what it leaves unfinished may still go on. */
    returned(result) {
        if (result !== undefined) {
            console.warn('Streaming handlers ignore return values.');
        }
        const stream = this.#stream;
        if (stream.writableFinished) {
            this.#settle({});
        } else if (stream.destroyed) {
            this.#settle({ error: stream.errored ?? unfinished() });
        } else {
            stream.once('finish', () => this.#settle({}));
            stream.once('close', () => this.#settle({ error: stream.errored ?? unfinished() }));
        }
    }

    /** The event loop has run out of work: a stream that is not at its end will never be. */
    emptied() {
        this.#settle(this.#stream.writableFinished ? {} : { error: unfinished() });
    }
}

function unfinished() {
    return new Error('Response stream is not finished.');
}

/** Calls a streaming handler; returns its outcome and its stream. `open` makes the body of the response. */
function runStreaming(handler, invoke, open) {
    const stream = new ResponseStream(open, handler[HIGH_WATER_MARK]);
    const outcome = new StreamedOutcome(stream);
    try {
        const returned = handler(invoke.event(), stream, makeContext(invoke));
        if (typeof returned?.then !== 'function') {
            throw new Error('Streaming does not support non-async handlers.');
        }
        returned.then(
            (result) => outcome.returned(result),
            (error) => outcome.failed(error),
        );
    } catch (error) {
        outcome.failed(error);
    }
    return { outcome, stream };
}

module.exports = { awslambda, isStreaming, runStreaming };
