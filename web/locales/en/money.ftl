# Bills, revenue, periods, audit, users
period = Period
page-number = page { $page }
filter-apply = Apply
amount-yuan = Amount in yuan
bills-none = There are no bills.
bill = Statement
bill-back = Back to the list
bill-number = Number
bill-state = State
bill-buyer = Enterprise
bill-operator = Paid to
bill-issued = Issued
bill-lines = Lines
bill-proof = Seal
bill-proof-what = Both nodes hold this document with the same hash under their seals.
statement-issued = Issued
statement-checked = Checked automatically
statement-accepted = Differed, accepted by a person
line-what = For
line-quantity = Quantity
line-price = Unit price in yuan
line-monthly-fee = Monthly fee
line-calls = Calls
line-late-calls = Calls reported late
line-operation = { $kind }: { $operation }
how-free = { $n ->
    [one] { $n } call, free of charge
   *[other] { $n } calls, free of charge
    }
how-inside = { $n ->
    [one] { $n } call, covered by the monthly fee
   *[other] { $n } calls, covered by the monthly fee
    }
how-monthly = One month of the term
how-call = { $units } calls, { $included } of them included in the plan; { $charged } × ¥{ $price }, rounded half up to the fen
how-late = Of { $period }, arrived after its close; that period now comes to ¥{ $now }, of which ¥{ $before } was billed
how-split = Of { $base } fen so far { $percent } % are { $exact }; { $received } were given before and { $amount } are given now
how-split-carried = { $base } × { $percent } % with { $before } fen carried in gives { $amount }; { $after } fen are carried on
revenue-what = What our products earned, by closed period.
revenue-none = No period with revenue has been closed yet.
statements-count = Statements
statements-none = There are no statements.
statements-all = All statements of this period
lines-what = What your organization was given of each product's revenue, and how it was computed.
lines-none = Nothing has been divided yet.
split-party = Party
split-role = Role
split-share = Share
split-base = Divided
splits-title = How the revenue was divided
splits-none = No product earned anything in this period.
period-state-running = Running
period-state-open = To be closed
period-state-closed = Closed
closed-at = Closed
closed-hash = Hash of the result
closed-entry = Entry in this node's log
close-link = Close
close-named = Close period { $period }
close-do = Close { $period } now
close-already = This period is closed.
close-running = This period runs until { $day }. It can be closed after that.
close-calls = { $n ->
    [one] { $n } call was counted in this period.
   *[other] { $n } calls were counted in this period.
    }
close-statements = Every subscription gets a numbered statement, sent to the enterprise's node.
close-ledger = The amounts are posted to the ledger and divided among the contributors.
close-seal = The hash of the result is published in this node's log.
close-late = Calls that arrive later become lines of the next period.
close-final = A close cannot be undone.
close-underway = This period is being closed.
close-since = Since
close-rated = { $n ->
    [one] { $n } subscription is rated.
   *[other] { $n } subscriptions are rated.
    }
close-to-carry = { $n ->
    [one] The close is sealed; { $n } document is still being written into the books.
   *[other] The close is sealed; { $n } documents are still being written into the books.
    }
refusal-period-underway = A period is being closed already. Wait until it is done, then look at the list of periods.
refusal-period-superseded = Another close of this period took over. Look at the list of periods for what it came to.
refusal-period-forgotten = This node's log says that the period was closed and sealed, and these books, restored from before, do not have it. Bring back a backup from after that close; the period is never closed twice.
refusal-period-unfinished = This period is still running.
refusal-period-earlier-open = An earlier period is still open and has something to bill. Close it first.
refusal-period-awaiting = This node was restored from a backup and is asking other nodes which contracts ended since. Close the period when they have answered.
refusal-period-passed = A later period was closed already. What is found of this one goes into the next close.
audit-what = Every act on this node, newest first, each row bound to the one before it by its hash.
audit-verify = Verify the chain
audit-whole = { $n ->
    [one] The chain is whole: { $n } row
   *[other] The chain is whole: { $n } rows
    }
audit-broken = The chain is broken at row { $n }
audit-seq = No.
audit-time = Time
audit-actor = Who
audit-action = Act
audit-outcome = Outcome
audit-change = Change
audit-older = Older rows
user-name = Name
user-organization = Organization
user-role = Role
user-add = Add a person
user-made = { $login } was added
user-password = The first password is shown this once. Hand it over in person; it must be changed at the first sign-in.
user-enabled = Active
user-disabled = Disabled
user-enable = Enable
user-disable = Disable
user-state = State
user-since = Added
user-add-what = A first password is made for them and shown once.
user-login-hint = 2 to 64 characters: small letters, digits, full stop, underscore, hyphen and @.
user-role-hint = Other roles can be added on the person's page.
users-caption = { $n ->
    [one] { $n } person
   *[other] { $n } people
    }
person-done = The change was saved.
person-oneself = This is your own account. Change your password under My account; another administrator changes your roles.
person-roles = Roles
person-roles-legend = What this person may do
person-roles-hint = The person has to sign in again afterwards.
person-roles-save = Save roles
person-password = New password
person-password-what = Makes a new password and shows it once. The person is signed out everywhere, their access tokens end, and they must change it when they sign in.
person-password-do = Make a new password
person-password-made = The new password
person-disable = Disable the account
person-disable-what = The person is signed out everywhere, and their access tokens end. The account can be enabled again.
person-enable = Enable the account
person-enable-what = The person may sign in again. Access tokens from before do not come back; new ones can be made.
period-wrong = Enter a month such as 2026-10
period-hint = For example 2026-10; leave it empty for all
filter-clear = Show all
periods-what = A period is one calendar month. It is closed after its end: statements are issued and the revenue is divided.
period-days = From and to
sum-yuan = Total in yuan
base-yuan = Divided, in yuan
share-yuan = Share in yuan
split-agreement = Split agreement
audit-node = the node, automatically
audit-other-node = node { $node }
audit-head = Hash of the newest row
audit-none = Nothing has been recorded yet.
audit-newest = Newest rows
outcome-done = done
outcome-recalled = what was forgotten is here again
outcome-frozen = frozen
act-catalog-publish = Published
act-dataset-load = Loaded data
act-key-create = Made a key
act-key-revoke = Revoked a key
act-fork-witnessed = Found a conflict of logs
act-organization-add = Added an organization
act-period-close = Closed a period
act-session-begin = Signed in
act-session-end = Signed out
act-session-end-all = Signed out everywhere
act-statement-receive = Received a statement
act-statement-check = Checked a statement automatically
act-division-gap = Took a division after a recovery; earlier ones are missing
act-statement-wait = Set a statement aside that differs from what this node derives
act-statement-accept = Stood by a statement that differs
act-statement-decline = Declined a statement that differs
act-division-receive = Received a division
act-division-check = Checked a division automatically
act-subscription-request = Requested a subscription
act-subscription-approve = Approved a subscription
act-subscription-refuse = Refused a subscription
act-subscription-accept = Accepted an offer
act-subscription-decline = Declined an offer
act-subscription-end = Ended a subscription
act-subscription-follow-catalog = Followed the catalog
act-correspondence-settled = Asked what was said before the restore
act-correspondence-without = Not waited for after the restore
act-subscription-reconciled = Compared with the other node's copy
act-subscription-message = Received a message
act-subscription-message-refused = The other node refused a message
act-token-create = Made a token
act-token-revoke = Revoked a token
act-user-add = Added a person
act-user-disable = Disabled or enabled an account
act-user-password = Changed a password
act-user-roles = Changed roles
state-enabled = Active
state-disabled = Disabled
act-session-second-step = Second step of signing in
act-user-password-kept = Let a given password be kept
act-user-recovery-codes = Renewed recovery codes
act-user-second-factor = Set up or removed a second step
act-period-park = Set something aside in a close
act-period-take-up = Took up what a close had set aside
parked-title = Set aside
parked-what = What a close cannot compute stops nobody else's: it is set aside with its reason, and every later close tries it again.
parked-kind = What
parked-kind-statement = Statement of a subscription
parked-kind-division = Division of a product's revenue
parked-reason = Why
parked-reason-amount = An amount is larger than the books hold
parked-reason-lines = The statement would have too many lines
parked-reason-split = The shares cannot be handed out
parked-reason-product-unknown = The product is not in the catalog
parked-reason-unreadable = What is stored cannot be read
parked-reason-no-contract = Calls were counted, and no contract for them is in force
parked-waits = Waits for the next close
parked-resolved = Settled in the close of { $period }
division-made-in = made in the close of { $period }
line-late-fee = Monthly fee stated late
how-late-fee = The fee of { $period }, which its close could not state

# Statements that differ from what this node derives
differences-what = Every line of a statement from another node is derived again here, from the contract, the usage reports and the statements held. What differs is not sealed by itself: it is listed with the difference, and finance decides.
differences-none = No statement waits for a decision.
differences-more = The oldest { $n } are listed; the others follow when these are decided.
difference = Difference
difference-of = Statement { $number }, to be decided
difference-from = Issued by node
difference-came = Received
difference-state-waiting = Waits for a decision
difference-state-accepted = Accepted
difference-state-declined = Declined
difference-decide = Decide
difference-accept-means = Accept: this node seals the statement, the enterprise sees the bill, and the difference is kept with your reason.
difference-decline-means = Decline: this node does not seal it and the enterprise does not see it. Ask the node that issued it to put it right.
difference-final = A decision cannot be changed.
difference-note = Reason
difference-note-hint = What you compared, and with what. It goes into the audit trail.
difference-accept = Accept the statement
difference-decline = Decline the statement
difference-statement-not-as-agreed = “{ $field }” is { $stated }, and { $agreed } was agreed.
difference-statement-period-ahead = { $period } is not over.
difference-statement-not-earlier = { $period } is no earlier month.
difference-statement-outside-term = The contract was not in force in { $period }, so there should be no calls.
difference-statement-fee-not-due = No monthly fee is due for { $period }.
difference-statement-billed-before = { $period } was billed before.
difference-statement-other-lines = { $period }: plan and counts give ¥{ $expected }, and the statement says ¥{ $stated } or words its lines differently.
difference-statement-included-calls = { $period }: { $given } calls were free, and the plan includes { $due } of them.
difference-statement-late-base = { $billed } calls of “{ $operation }” in { $period } were billed before, and the statement goes on from { $stated }.
difference-statement-more-than-reported = “{ $operation }” in { $period }: the statement counts { $stated } calls, and the node's own usage report { $reported }.
refusal-statement-not-waiting = This statement does not wait for a decision any more.
refusal-statement-note = Give a reason, in 500 characters at most.
refusal-statement-period-taken = Another statement of this subscription was taken for the period.
