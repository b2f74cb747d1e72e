"""Names the exceptions of the Hub client, for every module that talks to the Hub."""

import httpx2
from huggingface_hub.errors import HfHubHTTPError

HUB_ERRORS = (httpx2.TransportError, HfHubHTTPError, OSError)  # a Hub that cannot be reached, or refuses
