import type { Mail } from './mailer.ts'

/** Where links in mails lead; empty: mails hold the bare code instead. */
export interface MailLinks {
  readonly webUrl: string
}

export function confirmMail(to: string, token: string, { webUrl }: MailLinks): Mail {
  return {
    to,
    subject: 'Confirm your address',
    text: [
      'Somebody, probably you, has signed up with this address.',
      '',
      ...howTo(webUrl, 'confirm', token),
      '',
      'If it was not you, do nothing: without this confirmation there is no account.',
      '',
    ].join('\n'),
  }
}

/** To somebody who signs up though there is an account: the page says the same in both cases, the mail does not. */
export function alreadyMail(to: string): Mail {
  return {
    to,
    subject: 'You have an account',
    text: [
      'Somebody, probably you, wanted to sign up with this address. It has an account already.',
      '',
      'Sign in with your password, or ask for a new one there. If it was not you, do nothing.',
      '',
    ].join('\n'),
  }
}

export function resetMail(to: string, token: string, { webUrl }: MailLinks): Mail {
  return {
    to,
    subject: 'Choose a new password',
    text: [
      'Somebody, probably you, has asked for a new password for this address.',
      '',
      ...howTo(webUrl, 'reset', token),
      '',
      'If it was not you, do nothing: the password stays as it is.',
      '',
    ].join('\n'),
  }
}

export function passwordChangedMail(to: string): Mail {
  return {
    to,
    subject: 'Your password was changed',
    text: [
      'The password of your account was changed, and all devices were signed out.',
      '',
      'If it was not you, ask for a new password at once, and look at who can read your mail.',
      '',
    ].join('\n'),
  }
}

function howTo(webUrl: string, page: 'confirm' | 'reset', token: string): readonly string[] {
  if (webUrl === '') return [`The code to go on with (${page}):`, token]
  const url = new URL(`${webUrl.replace(/\/+$/, '')}/${page}`)
  // Behind the #, so that it is sent to no server and stands in no access log.
  url.hash = `token=${token}`
  return ['Open this to go on:', url.href]
}
