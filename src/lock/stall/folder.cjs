/**
 * The folder of the compiled files. It is CommonJS in both builds, because a source that is compiled for both
 * module systems can use neither `__dirname` nor `import.meta`.
 */
exports.folder = String(__dirname);
