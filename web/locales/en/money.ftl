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
statement-issued = issued
statement-confirmed = confirmed
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
how-monthly = One started month
how-call = { $units } calls, { $included } of them included in the plan; { $charged } × ¥{ $price }, rounded half up to the fen
how-late = Of { $period }, arrived after its close; that period now comes to ¥{ $now }, of which ¥{ $before } was billed
how-split = { $base } × { $percent } % with { $before } fen carried in gives { $amount }; { $after } fen are carried on
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
period-state-running = running
period-state-open = to be closed
period-state-closed = closed
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
refusal-period-unfinished = This period is still running.
refusal-period-earlier-open = An earlier period is still open and has something to bill. Close it first.
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
user-password = The first password is shown this once. Hand it over in person.
user-enabled = active
user-disabled = disabled
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
person-password-what = Makes a new password and shows it once. The person is signed out everywhere.
person-password-do = Make a new password
person-password-made = The new password
person-disable = Disable the account
person-disable-what = The person is signed out everywhere, and their access tokens stop working. The account can be enabled again.
person-enable = Enable the account
person-enable-what = The person may sign in again, and access tokens that have not ended work again.
period-hint = For example 2026-10; leave it empty for all
filter-clear = Show all
periods-what = A period is one calendar month. It is closed after its end: statements are issued and the revenue is divided.
period-days = From and to
sum-yuan = Total in yuan
base-yuan = Divided, in yuan
share-yuan = Share in yuan
split-agreement = Split agreement
audit-node = the node
audit-other-node = node { $node }
audit-head = Hash of the newest row
audit-none = Nothing has been recorded yet.
audit-newest = Newest rows
outcome-done = done
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
act-statement-confirm = Confirmed a statement
act-division-receive = Received a division
act-division-confirm = Confirmed a division
act-subscription-request = Requested a subscription
act-subscription-approve = Approved a subscription
act-subscription-refuse = Refused a subscription
act-subscription-accept = Accepted an offer
act-subscription-decline = Declined an offer
act-subscription-end = Ended a subscription
act-subscription-follow-catalog = Followed the catalog
act-subscription-message = Received a message
act-subscription-message-refused = The other node refused a message
act-token-create = Made a token
act-token-revoke = Revoked a token
act-user-add = Added a person
act-user-disable = Disabled or enabled an account
act-user-password = Changed a password
act-user-roles = Changed roles
state-enabled = active
state-disabled = disabled
