const tsconfig = { module: 'commonjs', moduleResolution: 'node', target: 'es2020', lib: ['es2022', 'dom'], types: ['jest'], strict: true };

module.exports = {
  testMatch: ['<rootDir>/src/**/*.test.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig }] }
};
