const {
  QUORLOCK_NODES = 'redis://127.0.0.1:7001,redis://127.0.0.1:7002,redis://127.0.0.1:7003',
  QUEUE_REDIS = 'redis://127.0.0.1:7001',
  HOST = '127.0.0.1',
  PORT = '3001',
} = process.env;

/** All from the environment. An application of your own may use @nestjs/config, and `forRootAsync`. */
export const settings = {
  nodes: QUORLOCK_NODES.split(','),
  queueUrl: QUEUE_REDIS,
  host: HOST,
  port: Number(PORT),
};
