module.exports = {
  testEnvironment: 'node',
  // JupyterLab's packages are ES modules.
  transformIgnorePatterns: ['/node_modules/(?!@jupyterlab/)'],
  testRegex: 'src/__tests__/.*\\.spec\\.ts$',
  transform: {
    '\\.[jt]sx?$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'commonjs',
          moduleResolution: 'node10',
          allowJs: true,
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
