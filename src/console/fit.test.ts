import type { Static } from 'typebox'
import { expectTypeOf, test } from 'vitest'
import type { Accounts, Names, People, Subscriptions, TrustedAuthors } from '../accounts/index.ts'
import type { AuditLog } from '../audit/index.ts'
import type { Moderation } from '../moderation/index.ts'
import type { AccessChange } from '../relay/index.ts'
import type {
  AccountsService,
  AuditDesk,
  MembershipDesk,
  ModerationDesk,
  NamesDesk,
  StaffDesk,
  SubscriptionsDesk,
  TrustedDesk,
} from './index.ts'
import type { AccessChangeShape } from './schemas.ts'

// The compiler does the work: `tsc` fails where a part no longer is what the console takes it for.
test('the parts of the program are desks as they are', () => {
  expectTypeOf<Moderation>().toExtend<ModerationDesk>()
  expectTypeOf<People['membership']>().toExtend<MembershipDesk>()
  expectTypeOf<Accounts>().toExtend<StaffDesk>()
  expectTypeOf<Accounts>().toExtend<AccountsService>()
  expectTypeOf<Names>().toExtend<NamesDesk>()
  expectTypeOf<TrustedAuthors>().toExtend<TrustedDesk>()
  expectTypeOf<Subscriptions>().toExtend<SubscriptionsDesk>()
  expectTypeOf<AuditLog>().toExtend<Pick<AuditDesk, 'list'>>()
})

test('every change that the relay knows can be asked for over HTTP', () => {
  expectTypeOf<AccessChange['do']>().toEqualTypeOf<Static<typeof AccessChangeShape>['do']>()
})
