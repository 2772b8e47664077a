// code-server loads what hashes passwords, which would have to be compiled; without passwords it is never called.
"use strict";
const Module = require("node:module");
const load = Module._load;
Module._load = (name, ...rest) => (name === "argon2" ? {} : load(name, ...rest));
