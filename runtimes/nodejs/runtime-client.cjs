'use strict';

// The runtime's side of the Runtime API, version 2018-06-01.

const { HTTPConnection } = require('./http-connection.cjs');
const { errorPayload } = require('./errors.cjs');

const PREFIX = '/2018-06-01/runtime';
const USER_AGENT = `swiftlet-nodejs/${process.versions.node}`;
const JSON_TYPE = 'application/json';

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

    /** Answers an invoke. A refusal (the invoke has timed out, the response is too large) is the service's to report. */
    async respond(invoke, body) {
        await this.#post(`/invocation/${invoke.id}/response`, { ...echoed(invoke), 'content-type': JSON_TYPE }, body);
    }

    /** Answers an invoke with an error. */
    async fail(invoke, error) {
        await this.#postError(`/invocation/${invoke.id}/error`, echoed(invoke), error);
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
            // A header is one line of Latin-1, and a type's name is the user's to choose.
            'lambda-runtime-function-error-type': String(payload.errorType).replace(/[^\x20-\x7e]/g, '?'),
        };
        return this.#post(path, fields, JSON.stringify(payload));
    }

    #post(path, headers, body) {
        return this.#connection.request('POST', PREFIX + path, { 'user-agent': USER_AGENT, ...headers }, body);
    }
}

/** The delivery's own identifier goes back with the answer, so that a late one cannot meet another invoke. */
function echoed(invoke) {
    return invoke.deliveryID === undefined ? {} : { 'lambda-runtime-invocation-id': invoke.deliveryID };
}

module.exports = { RuntimeClient };
