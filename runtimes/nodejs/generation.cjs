'use strict';

// What differs between Lambda's Node.js runtimes. From nodejs24.x on a handler answers by what it returns and by nothing
// else: callbacks, the context's old methods, and the wait for an empty event loop are gone.

const FIRST_WITHOUT_CALLBACKS = 24;

/** The number in the runtime's name, which the service tells; the interpreter's own where it does not. */
function runtimeMajor() {
    const named = /^AWS_Lambda_nodejs(\d+)\.x$/.exec(process.env.AWS_EXECUTION_ENV ?? '');
    return Number(named?.[1] ?? process.versions.node.split('.')[0]);
}

const takesCallbacks = runtimeMajor() < FIRST_WITHOUT_CALLBACKS;

module.exports = { takesCallbacks };
