'use strict';

// The lines that `console` writes, in Lambda's two formats.

const fs = require('node:fs');
const { format } = require('node:util');
const { errorLogText, isError } = require('./errors.cjs');

const STDOUT = 1;
const LEVELS = {
    trace: 'TRACE',
    debug: 'DEBUG',
    info: 'INFO',
    log: 'INFO',
    warn: 'WARN',
    error: 'ERROR',
    fatal: 'FATAL',
};
const SEVERITY = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

let requestID;
let tenantID;
let compose = textLine;

/** Names the invoke that lines belong to from now on; `undefined` during init, and that is what lines then say. */
function setInvoke(invoke) {
    requestID = invoke.id;
    tenantID = invoke.tenantID;
}

/** Makes `console` write Lambda's format. What is written to `process.stdout` directly stays as it is. */
function patchConsole() {
    let lowest = 0;
    if (process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON') {
        compose = jsonLine;
        lowest = Math.max(0, SEVERITY.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
    }
    for (const [method, level] of Object.entries(LEVELS)) {
        const silent = SEVERITY.indexOf(level) < lowest;
        console[method] = silent ? () => {} : (...values) => writeLine(compose(level, values));
    }
}

/** Writes an error that the runtime has met: `Invoke Error`, `Uncaught Exception`, … with what is known of it. */
function logError(title, error) {
    if (compose === jsonLine) {
        console.error(title, error);
    } else {
        console.error(`${title} \t${errorLogText(error)}`);
    }
}

function textLine(level, values) {
    // One event is one line, so the line ends inside it become carriage returns, as on AWS.
    return `${new Date().toISOString()}\t${requestID}\t${level}\t${format(...values).replaceAll('\n', '\r')}\n`;
}

function jsonLine(level, values) {
    const record = { timestamp: new Date().toISOString(), level, requestId: requestID, tenantId: tenantID };
    if (values.length === 1) {
        // One value keeps its structure, where JSON has a form for it.
        try {
            const message = JSON.stringify(values[0], (_, value) => (isError(value) ? errorFields(value) : value));
            if (message !== undefined) {
                return `${JSON.stringify(record).slice(0, -1)},"message":${message}}\n`;
            }
        } catch {
            // It refers to itself, or holds a number too big for JSON.
        }
    }
    record.message = format(...values);
    const error = values.slice(1).find(isError);
    return `${JSON.stringify(error ? { ...record, ...errorFields(error) } : record)}\n`;
}

/** An error in the log, as the official client names its parts: the class, not the `name`, is the type. */
function errorFields(error) {
    return {
        errorType: error.constructor?.name ?? 'UnknownError',
        errorMessage: error.message,
        stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
    };
}

/** Writes at once, so that no line is lost when the process is killed or frozen. */
function writeLine(line) {
    const bytes = Buffer.from(line);
    let written = 0;
    while (written < bytes.length) {
        try {
            written += fs.writeSync(STDOUT, bytes, written);
        } catch (error) {
            if (error.code !== 'EAGAIN') {
                // The function has closed its output. Logging must not make its invokes fail.
                return;
            }
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        }
    }
}

module.exports = { setInvoke, patchConsole, logError };
