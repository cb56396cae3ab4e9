import { Controller, Get, Header, ServiceUnavailableException } from '@nestjs/common';
import { register } from 'prom-client';
import { LockManager, type Health } from 'quorlock';
import { InjectLockManager } from 'quorlock/nestjs';

@Controller()
export class OperationController {
  constructor(@InjectLockManager() private readonly locks: LockManager) {}

  /** For a readiness probe, not for liveness: a restart brings no Redis back. */
  @Get('health')
  health(): Health {
    const health = this.locks.health();
    if (health.status === 'down') throw new ServiceUnavailableException(health);
    return health;
  }

  @Get('metrics')
  @Header('Content-Type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }
}
