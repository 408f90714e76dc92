'use strict';

// Finds the user's function: `index.handler`, `src/app.api.handler`, CommonJS or ES module.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { RuntimeError } = require('./errors.cjs');
const { takesCallbacks } = require('./generation.cjs');
const { isStreaming } = require('./response-stream.cjs');

const CALLBACK_REFUSAL =
    'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
    'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
    'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

/**
 * Loads the handler's module and returns the function.
 *
 * @param {string} root the directory of the function's code
 * @param {string} handler as configured: `path/module.property[.property…]`
 * @throws RuntimeError MalformedHandlerName, ImportModuleError, UserCodeSyntaxError, HandlerNotFound,
 *     MalformedStreamingHandler or CallbackHandlerDeprecated; whatever the module itself throws
 */
async function loadHandler(root, handler) {
    const { directory, module, property } = split(handler);
    let loaded;
    try {
        loaded = await loadModule(root, directory, module);
    } catch (error) {
        if (error instanceof SyntaxError) {
            throw new RuntimeError('UserCodeSyntaxError', error);
        }
        if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
            throw new RuntimeError('ImportModuleError', error);
        }
        throw error;
    }
    const found = property.split('.').reduce((value, name) => value?.[name], loaded);
    if (!found) {
        throw new RuntimeError('HandlerNotFound', `${handler} is undefined or not exported`);
    }
    if (typeof found !== 'function') {
        throw new RuntimeError('HandlerNotFound', `${handler} is not a function`);
    }
    if (!isStreaming(found) && !takesCallbacks && found.length >= 3) {
        throw new RuntimeError('CallbackHandlerDeprecated', CALLBACK_REFUSAL);
    }
    return found;
}

function split(handler) {
    if (handler.includes('..')) {
        throw new RuntimeError(
            'MalformedHandlerName',
            `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
        );
    }
    const slash = handler.lastIndexOf('/') + 1;
    const match = /^([^.]*)\.(.*)$/.exec(handler.slice(slash));
    if (!match) {
        throw new RuntimeError('MalformedHandlerName', 'Bad handler');
    }
    return { directory: handler.slice(0, slash), module: match[1], property: match[2] };
}

async function loadModule(root, directory, module) {
    const base = path.resolve(root, directory, module);
    if (isFile(base)) {
        return requireFrom(root, base);
    }
    if (isFile(`${base}.js`)) {
        return isESModulePackage(path.dirname(base)) ? importFile(`${base}.js`) : requireFrom(root, `${base}.js`);
    }
    if (isFile(`${base}.mjs`)) {
        return importFile(`${base}.mjs`);
    }
    if (isFile(`${base}.cjs`)) {
        return requireFrom(root, `${base}.cjs`);
    }
    // A package in node_modules, in a layer, or a directory with an index.
    const lookup = createRequire(path.join(root, directory, 'bootstrap.cjs'));
    let name = directory + module;
    try {
        lookup.resolve(`./${module}`);
        name = `./${module}`;
    } catch {
        // Not beside the code, so it is a package's name.
    }
    return lookup(name);
}

function requireFrom(root, file) {
    return createRequire(path.join(root, 'bootstrap.cjs'))(file);
}

function importFile(file) {
    return import(pathToFileURL(file).href);
}

function isFile(file) {
    return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Whether the nearest package.json says that `.js` files are ES modules. */
function isESModulePackage(directory) {
    for (let folder = directory; ; folder = path.dirname(folder)) {
        try {
            return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).type === 'module';
        } catch (error) {
            if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') {
                return false;
            }
        }
        if (folder === path.dirname(folder)) {
            return false;
        }
    }
}

module.exports = { loadHandler };
