"""Calls a node's API through the client that openapi-python-client generated from its description."""

import sys

from lianshi_api import AuthenticatedClient, Client
from lianshi_api.api.catalog import digest, list_products, show_product
from lianshi_api.api.contracts import list_statements, list_subscriptions, read_usage, show_subscription

base, token, subscription = sys.argv[1:]
public = Client(base_url=base)
page = list_products.sync(client=public, size=5)
assert page.total > 5 and len(page.items) == 5, page
number = page.items[0].number
product = show_product.sync(number, client=public)
assert product.number == number and product.provenance.origin, product
assert digest.sync(client=public).digest
problem = list_products.sync_detailed(client=public, sort="price")
assert problem.status_code == 400 and problem.parsed.code == "web.malformed", problem
absent = show_product.sync_detailed("330212-P-2026-0000000-0", client=public)
assert absent.status_code == 404 and absent.parsed.status == 404, absent

mine = AuthenticatedClient(base_url=base, token=token)
held = list_subscriptions.sync(client=mine)
assert any(one.id == subscription for one in held.items), held
one = show_subscription.sync(subscription, client=mine)
assert one.history and one.product == next(h.product for h in held.items if h.id == subscription)
assert read_usage.sync(subscription, client=mine).total >= 0
assert list_statements.sync(client=mine).items is not None
unknown = AuthenticatedClient(base_url=base, token="lt_none")
refused = list_subscriptions.sync_detailed(client=unknown)
assert refused.status_code == 401 and refused.parsed.code == "web.sign_in", refused
print("the generated client agrees")
