# Bills, revenue, periods, audit, users
period = Period
page-number = page { $page }
pager = Pages
pager-previous = Previous page
pager-next = Next page
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
how-call = { $calls } calls, { $charged } of them charged at ¥{ $price } each, rounded half up to the fen
how-late = { $n ->
    [one] { $n } unit of an earlier period that arrived after its close
   *[other] { $n } units of an earlier period that arrived after its close
    }
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
share-role-provider = Data provider
share-role-operator = Operator
share-role-partner = Partner
share-role-platform = Platform
share-role-public-interest = Public interest
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
audit-object = On
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
user-enable-named = Enable { $login }
user-disable-named = Disable { $login }
