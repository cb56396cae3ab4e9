/**
 * Where the compiled files of this folder are. CommonJS in both builds: a source that is compiled for both module systems can
 * say neither `__dirname` nor `import.meta`.
 */
exports.folder = String(__dirname);
