/** A Nest application with a cron job, a route and a queue, all under locks. Start it more than once. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { settings } from './settings.js';

const app = await NestFactory.create(AppModule);
// Running jobs end, and all locks are released, before the process does.
app.enableShutdownHooks();
await app.listen(settings.port, settings.host);
console.log(`listening on ${await app.getUrl()}`);
