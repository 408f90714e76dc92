'use strict';

// The runtime's own errors, and the two forms that an error takes: the payload for the caller, and the line in the log.

const { types } = require('node:util');

class RuntimeError extends Error {
    constructor(kind, reason) {
        super(reason instanceof Error ? String(reason) : reason);
        // Not enumerable, so that the log's JSON does not say it twice.
        Object.defineProperty(this, 'name', { value: `Runtime.${kind}` });
        if (reason instanceof Error && reason.stack) {
            // The user needs the place in their code, not the one here.
            this.stack = `${this.name}: ${reason.stack}`;
        }
    }
}

class UnhandledPromiseRejection extends RuntimeError {
    constructor(reason, promise) {
        super('UnhandledPromiseRejection', reason instanceof Error ? reason : String(reason));
        this.reason = reason;
        this.promise = promise;
    }
}

function isError(value) {
    return types.isNativeError(value) || value instanceof Error;
}

/** DEL is what a log agent may cut at. */
function escaped(text) {
    return text?.replace(/\x7F/g, '%7F');
}

/** `{errorType, errorMessage, trace}`, whatever was thrown. */
function errorPayload(error) {
    try {
        if (isError(error)) {
            return {
                errorType: escaped(String(error.name)),
                errorMessage: escaped(String(error.message)),
                trace: escaped(String(error.stack)).split('\n'),
            };
        }
        return { errorType: typeof error, errorMessage: String(error), trace: [] };
    } catch {
        // A getter of the user's error threw.
        return {
            errorType: 'handled',
            errorMessage:
                'callback called with Error argument, but there was a problem while retrieving one or more of its ' +
                'message, name, and stack',
            trace: [],
        };
    }
}

/** The error with its own properties, as JSON for the log. */
function errorLogText(error) {
    try {
        return JSON.stringify(isError(error) ? describe(error) : error, (_, value) =>
            isError(value) ? describe(value) : value,
        );
    } catch {
        return JSON.stringify(errorPayload(error));
    }
}

function describe(error) {
    return {
        errorType: error.name,
        errorMessage: error.message,
        ...error,
        stack: String(error.stack).split('\n'),
    };
}

module.exports = { RuntimeError, UnhandledPromiseRejection, errorPayload, errorLogText, isError };
