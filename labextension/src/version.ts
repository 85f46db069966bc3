/** The version of this front end, which must be that of the server extension and of the kernel's package. */

declare const require: (path: string) => { version: string };

export const VERSION = require('../package.json').version;
