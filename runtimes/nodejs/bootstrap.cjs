'use strict';

// Lambda's Node.js runtime, started as `node … /var/runtime/bootstrap.cjs` in the function's directory: loads the
// handler that `_HANDLER` names, then takes one invoke after the other from the Runtime API until it is killed.

const { UnhandledPromiseRejection } = require('./errors.cjs');
const { loadHandler } = require('./handler.cjs');
const { Invoke, run } = require('./invoke.cjs');
const { logError, patchConsole, setInvoke } = require('./log.cjs');
const { awslambda, isStreaming, runStreaming } = require('./response-stream.cjs');
const { RuntimeClient } = require('./runtime-client.cjs');
const { waitForFunction } = require('./waiting.cjs');

waitForFunction();

/** The statuses that Lambda's own runtime exits with. */
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;
const EXIT_INIT_ERROR = 1;
const EXIT_RUNTIME_API_LOST = 1;

const client = new RuntimeClient(process.env.AWS_LAMBDA_RUNTIME_API);
/** Where an error that nobody caught is reported; `idle` while there is nobody to tell. */
let phase = { name: 'init' };

async function fatal(title, error, status) {
    if (phase.name === 'dying') {
        // The first error is the one that is reported.
        return;
    }
    logError(title, error);
    const { name, invoke, stream } = phase;
    phase = { name: 'dying' };
    try {
        if (name === 'init') {
            await client.failInit(error);
        } else if (name === 'invoke') {
            await fail(invoke, error, stream);
        }
    } catch {
        // The service sees the exit, which tells it enough.
    }
    process.exit(status);
}

async function serve(handler) {
    for (;;) {
        phase = { name: 'idle' };
        const invoke = new Invoke(await client.next());
        setInvoke(invoke);
        if (invoke.traceID === undefined) {
            delete process.env._X_AMZN_TRACE_ID;
        } else {
            process.env._X_AMZN_TRACE_ID = invoke.traceID;
        }
        phase = { name: 'invoke', invoke };
        if (isStreaming(handler)) {
            const { outcome, stream } = runStreaming(handler, invoke, (type) => client.beginStream(invoke, type));
            Object.assign(phase, { outcome, stream });
            await answerStreamed(invoke, stream, await outcome.promise);
        } else {
            const outcome = run(handler, invoke);
            phase.outcome = outcome;
            await answer(invoke, await outcome.promise);
        }
    }
}

async function answer(invoke, { error, result }) {
    const answering = beginAnswering();
    let failure = error;
    let body;
    if (failure === undefined) {
        try {
            body = JSON.stringify(result) ?? 'null';
        } catch {
            failure = new Error('Unable to stringify response body');
        }
    }
    if (failure === undefined) {
        await client.respond(invoke, body);
    } else {
        logError('Invoke Error', failure);
        await client.fail(invoke, failure);
    }
    await answering.over();
}

async function answerStreamed(invoke, stream, { error }) {
    const answering = beginAnswering();
    if (error === undefined) {
        await client.endStream(invoke, stream.body);
    } else {
        logError('Invoke Error', error);
        await fail(invoke, error, stream);
        stream.destroy();
    }
    await answering.over();
}

/** From here on an uncaught error of work that was left behind must not answer the invoke a second time. */
function beginAnswering() {
    const answering = { name: 'answering' };
    answering.over = async () => {
        if (phase !== answering) {
            // An uncaught error has taken over and the process is about to exit.
            await new Promise(() => {});
        }
    };
    phase = answering;
    return answering;
}

/** Reports an error instead of a response, or behind what the response has of bytes already. */
async function fail(invoke, error, stream) {
    await stream?.flushed();
    if (stream?.body) {
        await client.endStream(invoke, stream.body, error);
    } else {
        await client.fail(invoke, error);
    }
}

process.on('uncaughtException', (error) => fatal('Uncaught Exception', error, EXIT_EXCEPTION));
process.on('unhandledRejection', (reason, promise) =>
    fatal('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), EXIT_REJECTION),
);
process.on('beforeExit', () => phase.outcome?.emptied());

async function main() {
    patchConsole();
    globalThis.awslambda = awslambda;
    let handler;
    try {
        handler = await loadHandler(process.env.LAMBDA_TASK_ROOT ?? process.cwd(), process.env._HANDLER ?? '');
    } catch (error) {
        await fatal('Uncaught Exception', error, EXIT_INIT_ERROR);
        return;
    }
    try {
        await serve(handler);
    } catch (error) {
        logError('Runtime API Error', error);
        process.exit(EXIT_RUNTIME_API_LOST);
    }
}

main();
