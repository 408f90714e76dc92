'use strict';

// A runtime that was started before there was a function for it: waits to be told of one, then becomes what a process
// would be that was started for it.
//
// It sends one byte over a descriptor of its own when it is ready. The service answers with one message and closes the
// descriptor: the handler, the directory, and then each environment variable, with a NUL between them.

const fs = require('node:fs');

/** The variable that names the descriptor; only a waiting runtime has it. */
const CHANNEL = '_SWIFTLET_CHANNEL';
/** The places in /proc/self/stat of where the environment begins and ends in memory, counted after the name. */
const ENVIRONMENT_START = 47;
const ENVIRONMENT_END = 48;

/** Returns at once in a process that was started for a function, otherwise when there is one. */
function waitForFunction() {
    if (process.env[CHANNEL] === undefined) {
        return;
    }
    const channel = Number(process.env[CHANNEL]);
    // Ready: from here on it is the service's turn.
    fs.writeSync(channel, '\0');
    const message = read(channel);
    if (message.length === 0) {
        // The service has changed its mind.
        process.reallyExit(0);
    }
    // The handler is among the variables too, and that is where this runtime takes it from.
    const [, directory, ...variables] = message.toString('utf8').split('\0');
    setEnvironment(variables);
    process.chdir(directory);
}

/** All that comes, until the service closes its end. Nothing else goes on in this process meanwhile. */
function read(channel) {
    const pieces = [];
    for (;;) {
        const piece = Buffer.alloc(16384);
        const count = fs.readSync(channel, piece);
        if (count === 0) {
            break;
        }
        pieces.push(piece.subarray(0, count));
    }
    fs.closeSync(channel);
    return Buffer.concat(pieces);
}

function setEnvironment(variables) {
    // Each is taken out before any is put in, so that nothing points into the memory that they started in.
    for (const name of Object.keys(process.env)) {
        delete process.env[name];
    }
    for (const variable of variables) {
        const equals = variable.indexOf('=');
        process.env[variable.slice(0, equals)] = variable.slice(equals + 1);
    }
    showEnvironment(variables);
}

/** Puts the variables where /proc/self/environ shows them. The service has left room for them there. */
function showEnvironment(variables) {
    try {
        const stat = fs.readFileSync('/proc/self/stat', 'latin1');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const start = Number(fields[ENVIRONMENT_START]);
        const room = Buffer.alloc(Number(fields[ENVIRONMENT_END]) - start);
        const text = Buffer.from(variables.map((variable) => `${variable}\0`).join(''));
        if (text.length <= room.length) {
            text.copy(room);
        }
        const memory = fs.openSync('/proc/self/mem', 'r+');
        fs.writeSync(memory, room, 0, room.length, start);
        fs.closeSync(memory);
    } catch {
        // It is for looking at only.
    }
}

module.exports = { waitForFunction };
