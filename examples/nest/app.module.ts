import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { QuorlockModule } from 'quorlock/nestjs';
import { lockMetrics } from 'quorlock/prometheus';
import { InvoicesController } from './invoices.controller.js';
import { MailsProcessor } from './mails.processor.js';
import { OperationController } from './operation.controller.js';
import { ReportsService } from './reports.service.js';
import { settings } from './settings.js';

@Module({
  imports: [
    ScheduleModule.forRoot(),
    BullModule.forRoot({ connection: { url: settings.queueUrl } }),
    BullModule.registerQueue({ name: 'mails' }),
    QuorlockModule.forRoot({ nodes: settings.nodes, app: 'example', listeners: [lockMetrics()] }),
  ],
  controllers: [InvoicesController, OperationController],
  providers: [ReportsService, MailsProcessor],
})
export class AppModule {}
