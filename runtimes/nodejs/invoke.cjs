'use strict';

// One invoke: what the Runtime API sent, the context made of it, and the one outcome that it ends in.

const { takesCallbacks } = require('./generation.cjs');

/** What came from the Runtime API. */
class Invoke {
    constructor({ headers, body }) {
        this.id = headers['lambda-runtime-aws-request-id'];
        this.deliveryID = headers['lambda-runtime-invocation-id'];
        this.deadline = Number(headers['lambda-runtime-deadline-ms']);
        this.functionARN = headers['lambda-runtime-invoked-function-arn'];
        this.traceID = headers['lambda-runtime-trace-id'];
        this.clientContext = headers['lambda-runtime-client-context'];
        this.identity = headers['lambda-runtime-cognito-identity'];
        this.tenantID = headers['lambda-runtime-aws-tenant-id'];
        this.body = body;
    }

    event() {
        return JSON.parse(this.body.toString('utf8'));
    }
}

/**
 * The first outcome of an invoke wins: a settled promise, a callback, one of the context's old methods, or the end of
 * all work in the event loop. `emptied` has to be called at the latter.
 */
class Outcome {
    #settled;
    #waiting = null;
    #settle;
    waitsForEmptyEventLoop = true;

    constructor() {
        this.#settled = false;
        this.promise = new Promise((resolve) => {
            this.#settle = resolve;
        });
    }

    /** At once, as promises do. */
    now(error, result) {
        if (!this.#settled) {
            this.#settled = true;
            this.#settle(error === undefined || error === null ? { result } : { error });
        }
    }

    /** When nothing is left to do in the event loop, unless the function does not want to wait for that. */
    whenIdle(error, result) {
        if (this.#settled || this.#waiting) {
            return;
        }
        // An error does not wait, and neither does who asked not to.
        if (!this.waitsForEmptyEventLoop || (error !== undefined && error !== null)) {
            setImmediate(() => this.now(error, result));
        } else {
            this.#waiting = { result };
        }
    }

    /** The event loop has run out of work: nothing else can answer any more. */
    emptied() {
        this.now(undefined, this.#waiting?.result ?? null);
    }
}

/** What every handler is told about the function and the invoke. */
function makeContext(invoke) {
    // The parser of headers yields Latin-1; what they carry is JSON in UTF-8.
    const parse = (text) => (text === undefined ? undefined : JSON.parse(Buffer.from(text, 'latin1').toString('utf8')));
    return {
        functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
        functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
        memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
        logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
        logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
        clientContext: parse(invoke.clientContext),
        identity: parse(invoke.identity),
        invokedFunctionArn: invoke.functionARN,
        awsRequestId: invoke.id,
        tenantId: invoke.tenantID,
        getRemainingTimeInMillis: () => invoke.deadline - Date.now(),
    };
}

/** The context of a handler that answers with one value: also its old ways to do so. */
function makeAnsweringContext(invoke, outcome) {
    const context = {
        ...makeContext(invoke),
        done: (error, result) => outcome.whenIdle(error, result),
        succeed: (result) => outcome.whenIdle(undefined, result),
        fail: (error) => outcome.whenIdle(error ?? 'handled', undefined),
    };
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
        enumerable: true,
        get: () => outcome.waitsForEmptyEventLoop,
        set: (value) => {
            outcome.waitsForEmptyEventLoop = value;
        },
    });
    return context;
}

/** Calls the handler and returns its outcome. */
function run(handler, invoke) {
    const outcome = new Outcome();
    try {
        const returned = takesCallbacks
            ? handler(invoke.event(), makeAnsweringContext(invoke, outcome), (error, result) =>
                  outcome.whenIdle(error, result),
              )
            : handler(invoke.event(), makeContext(invoke));
        if (!takesCallbacks && typeof returned?.then !== 'function') {
            outcome.now(undefined, returned);
        } else if (typeof returned?.then === 'function') {
            returned.then(
                (result) => outcome.now(undefined, result),
                (error) => outcome.now(error ?? new Error(String(error)), undefined),
            );
        }
    } catch (error) {
        outcome.now(error ?? new Error(String(error)), undefined);
    }
    return outcome;
}

module.exports = { Invoke, makeContext, run };
