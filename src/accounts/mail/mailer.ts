/** One mail, in plain text. It may hold a secret: it is never logged. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** Takes mails away, to a mail server or into a folder. */
export interface Mailer {
  /** Resolves when the other side has taken it over; rejects when it did not, without an address in what it says. */
  send(mail: Mail): Promise<void>
  close(): void
}
