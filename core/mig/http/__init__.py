"""The one HTTP client, and the guard before addresses that came from data; httpx is imported in this package only."""

from mig.http.client import Http, origin_of, retry_after, shape
from mig.http.outside import Opened, Outside, Resolver
from mig.http.wire import Answer, Unreachable

__all__ = ["Answer", "Http", "Opened", "Outside", "Resolver", "Unreachable", "origin_of", "retry_after", "shape"]
