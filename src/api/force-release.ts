/** What an operator says who takes a resource from its holder. */
export interface ForceReleaseOptions {
  /** Why, for the audit: 1 to 200 characters. It stands in the event `force_released`. */
  readonly reason: string;
  /**
   * The lock's name in metrics and events: 1 to 128 characters. It must have few values.
   * @default 'force-release'
   */
  readonly name?: string | undefined;
}
