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

/** As an application would have it, with a name for each node and a listener that tells the demo. */
@Module({
  imports: [
    ScheduleModule.forRoot(),
    QuorlockModule.forRoot({
      nodes: settings.nodes,
      holder: settings.name,
      // For so long a node that lost its data keeps out of votes; the default, a minute, is longer than the demo.
      maxTtlMs: settings.jobs.longTtlMs,
      listeners: [lockMetrics({ register }), journal.listen],
    }),
  ],
  controllers: [MetricsController],
  providers: [Jobs],
})
export class WorkerModule {}
