'use strict';

// The runtime's side of the Runtime API, version 2018-06-01.

const { HTTPConnection } = require('./http-connection.cjs');
const { errorPayload } = require('./errors.cjs');

const PREFIX = '/2018-06-01/runtime';
const USER_AGENT = `swiftlet-nodejs/${process.versions.node}`;
const JSON_TYPE = 'application/json';
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';

class RuntimeClient {
    #connection;

    constructor(address) {
        this.#connection = new HTTPConnection(address);
    }

    /** Waits for an invoke, for as long as it takes; resolves with `{headers, body}`. */
    async next() {
        const response = await this.#connection.request('GET', `${PREFIX}/invocation/next`, {
            'user-agent': USER_AGENT,
        });
        if (response.status !== 200) {
            throw new Error(`the Runtime API answered the request for an invoke with ${response.status}`);
        }
        return response;
    }

    /** Answers an invoke. */
    async respond(invoke, body) {
        const headers = { ...echoed(invoke), 'content-type': JSON_TYPE };
        check(invoke, await this.#post(`/invocation/${invoke.id}/response`, headers, body));
    }

    /** Answers an invoke with an error. */
    async fail(invoke, error) {
        check(invoke, await this.#postError(`/invocation/${invoke.id}/error`, echoed(invoke), error));
    }

    /** Begins to answer an invoke piece by piece; {@link endStream} has to be called whatever comes of it. */
    beginStream(invoke, contentType) {
        const headers = {
            'user-agent': USER_AGENT,
            ...echoed(invoke),
            'content-type': contentType,
            'Lambda-Runtime-Function-Response-Mode': 'streaming',
        };
        const path = `${PREFIX}/invocation/${invoke.id}/response`;
        return this.#connection.stream('POST', path, headers, [ERROR_TYPE, ERROR_BODY]);
    }

    /** Ends an answer that was begun, with the error that it ends in if there is one, and waits for the service. */
    async endStream(invoke, body, error) {
        if (error === undefined) {
            body.end();
        } else {
            const payload = errorPayload(error);
            body.end({
                [ERROR_TYPE]: headerText(payload.errorType),
                [ERROR_BODY]: Buffer.from(JSON.stringify(payload)).toString('base64'),
            });
        }
        check(invoke, await body.response);
    }

    /** Reports that the function could not be initialised; the process has to exit then. */
    async failInit(error) {
        await this.#postError('/init/error', {}, error);
    }

    #postError(path, headers, error) {
        const payload = errorPayload(error);
        const fields = {
            ...headers,
            'content-type': JSON_TYPE,
            [ERROR_TYPE.toLowerCase()]: headerText(payload.errorType),
        };
        return this.#post(path, fields, JSON.stringify(payload));
    }

    #post(path, headers, body) {
        return this.#connection.request('POST', PREFIX + path, { 'user-agent': USER_AGENT, ...headers }, body);
    }
}

/** A header is one line of Latin-1, and a type's name is the user's to choose. */
function headerText(text) {
    return String(text).replace(/[^\x20-\x7e]/g, '?');
}

/**
 * A refusal (the invoke has timed out, the response is too large) is the service's to report to the caller; the log
 * says that the answer went nowhere, and the next invoke is asked for as usual. Only a service that has failed itself
 * ends the process.
 */
function check(invoke, { status, body }) {
    if (status >= 500) {
        throw new Error(`the Runtime API answered the result of invoke ${invoke.id} with ${status}`);
    }
    if (status >= 300) {
        console.warn(`The answer to invoke ${invoke.id} was refused with ${status}: ${body.toString('utf8').trim()}`);
    }
}

/** The delivery's own identifier goes back with the answer, so that a late one cannot meet another invoke. */
function echoed(invoke) {
    return invoke.deliveryID === undefined ? {} : { 'lambda-runtime-invocation-id': invoke.deliveryID };
}

module.exports = { RuntimeClient };
