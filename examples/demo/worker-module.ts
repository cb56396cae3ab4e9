import { Controller, Get, Header, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Registry } from 'prom-client';
import { QuorlockModule } from 'quorlock/nestjs';
import { lockMetrics } from 'quorlock/prometheus';
import { Jobs } from './jobs.js';
import { journal, settings } from './worker-settings.js';

const register = new Registry();

@Controller()
class MetricsController {
  @Get('metrics')
  @Header('content-type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}

/**
 * A module like that of an application, with a name for each node and a listener that reports to the demo.
 */
@Module({
  imports: [
    ScheduleModule.forRoot(),
    QuorlockModule.forRoot({
      nodes: settings.nodes,
      holder: settings.name,
      // A node that lost its data has no vote for this long. The default, a minute, is longer than the demo.
      maxTtlMs: settings.jobs.longTtlMs,
      listeners: [lockMetrics({ register }), journal.listen],
    }),
  ],
  controllers: [MetricsController],
  providers: [Jobs],
})
export class WorkerModule {}
