'use strict';

// The lines that `console` writes, in Lambda's two formats.

const fs = require('node:fs');
const { format, types } = require('node:util');
const { errorPayload } = require('./errors.cjs');

const STDOUT = 1;
const LEVELS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR' };
const SEVERITY = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

let requestID;

/** Names the invoke that lines belong to from now on; `undefined` during init, and that is what lines then say. */
function setRequestID(id) {
    requestID = id;
}

/** Makes `console` write Lambda's format. What is written to `process.stdout` directly stays as it is. */
function patchConsole() {
    const compose = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON' ? jsonLine : textLine;
    const lowest =
        compose === jsonLine ? Math.max(0, SEVERITY.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase())) : 0;
    for (const [method, level] of Object.entries(LEVELS)) {
        const silent = SEVERITY.indexOf(level) < lowest;
        console[method] = silent ? () => {} : (...values) => writeLine(compose(level, values));
    }
}

/** Writes an error of the runtime's making: `Invoke Error`, `Uncaught Exception`, … with its JSON. */
function logError(title, text) {
    console.error(`${title} \t${text}`);
}

function textLine(level, values) {
    // One event is one line, so the line ends inside it become carriage returns, as on AWS.
    return `${new Date().toISOString()}\t${requestID}\t${level}\t${format(...values).replaceAll('\n', '\r')}\n`;
}

function jsonLine(level, values) {
    const record = { timestamp: new Date().toISOString(), level, requestId: requestID };
    const error = values.find((value) => types.isNativeError(value));
    if (error) {
        const { errorType, errorMessage, trace } = errorPayload(error);
        Object.assign(record, { errorType, errorMessage, stackTrace: trace.slice(1) });
    }
    record.message = values.length === 1 && typeof values[0] !== 'function' && !error ? values[0] : format(...values);
    try {
        return `${JSON.stringify(record)}\n`;
    } catch {
        record.message = format(...values);
        return `${JSON.stringify(record)}\n`;
    }
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

module.exports = { setRequestID, patchConsole, logError };
