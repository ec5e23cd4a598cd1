/** The version of Holdfast; a test compares it with package.json. A constant, so that no command reads a file for it. */
export const VERSION = '0.1.0'
