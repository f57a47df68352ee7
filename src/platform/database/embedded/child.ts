import type { ServerUser } from './server-user.ts'

/** `uid` and `gid` for `spawn`; nothing when the child is to be who we are. */
export function spawnIdentity(user: ServerUser | undefined): Partial<ServerUser> {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid }
}

/** Nothing of our own environment: it may hold secrets, and a child shows its environment to whoever may ask. */
export function childEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
}

/**
 * How a child that is started in `folder` is to call that folder. As another user it may not be able to pass the
 * folders above (a data folder in `/root`): Linux names the current folder without a way through them, and the
 * child is put there while it is still root.
 */
export function pathForServer(folder: string, user: ServerUser | undefined): string {
  return user !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder
}
