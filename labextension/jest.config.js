module.exports = {
  testEnvironment: 'node',
  testRegex: 'src/__tests__/.*\\.spec\\.ts$',
  transform: {
    '\\.tsx?$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'commonjs',
          moduleResolution: 'node10',
          esModuleInterop: true,
          strict: true,
          lib: ['DOM', 'ES2021'],
          target: 'ES2021',
          skipLibCheck: true
        }
      }
    ]
  }
};
