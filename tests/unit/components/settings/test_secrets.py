"""A name of a model's key is a provider's: one that programs in the pod obey is refused."""

import pytest

from components.settings.load import parse
from tests.support.configs import smallest
from tests.support.settings import lines

NAMES_THAT_STEER = [
    *("PATH", "HOME", "USER", "SHELL", "ENV", "IFS", "TZ", "HOSTNAME", "TMPDIR", "PWD", "TERM", "EDITOR", "LANG"),
    *("TS_AUTHKEY", "TS_AUTH_KEY", "TS_CLIENT_SECRET", "TS_STATE_DIR"),
    *("TS_API_TOKEN", "TAILSCALE_API_KEY", "HEADSCALE_API_KEY"),
    *("OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD", "OPENCLAW_CONFIG_PATH"),
    *("OPENCLAW_API_KEY", "OPENCLAW_X_SECRET"),
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_KEY", "DYLD_INSERT_LIBRARIES"),
    *("NODE_OPTIONS", "NODE_PATH", "NODE_AUTH_TOKEN"),
    *("NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "HTTP_PROXY", "HTTPS_PROXY"),
    *("ALL_PROXY", "NO_PROXY", "FTP_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "SSL_KEY"),
    *("OPENSSL_CONF", "PYTHONPATH", "PYTHON_KEY", "PYTHONHOME"),
    *("GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_TOKEN", "GIT_CONFIG_KEY_0"),
    *("NPM_TOKEN", "NPM_CONFIG_REGISTRY", "PIP_INDEX_URL"),
    *("KUBERNETES_SERVICE_HOST", "KUBERNETES_TOKEN", "KUBECONFIG", "KUBE_TOKEN"),
    *("BASH_ENV", "SSH_AUTH_SOCK", "SSH_KEY"),
    *("XDG_CACHE_HOME", "LC_ALL", "MALLOC_CHECK_", "PULUMI_ACCESS_TOKEN"),
    *("UV_INDEX_URL", "OPENAI_BASE_URL", "AWS_REGION"),
    *("http_proxy", "openai_api_key", "OpenAI_API_KEY", "OPENAI-API-KEY"),
    *("OPENAI API KEY", "OPENAI_API_KEY ", "1_API_KEY"),
    *("", "_", "KEY", "TOKEN", "_API_KEY"),
    *("API_KEY_", "OPENAI__API_KEY", "OPENAI_API_KEY=x", "OPENAI_API_KEY\n", "É_API_KEY"),
    *("OPENAI_API_KEY\u200b", "$(id)_KEY", "OPENAI_MONKEY", "A" * 130 + "_KEY"),
]
NAMES_OF_PROVIDERS = [
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    *("HF_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_BEARER_TOKEN_BEDROCK", "TELEGRAM_BOT_TOKEN"),
    *("SLACK_APP_TOKEN", "DISCORD_BOT_TOKEN", "ANTHROPIC_OAUTH_TOKEN"),
    *("OPENAI_API_KEYS", "OPENAI_API_KEY_2", "MATRIX_PASSWORD"),
    *("GOOGLE_CREDENTIALS", "X_CLIENT_SECRET", "HOME_ASSISTANT_TOKEN", "GITLAB_TOKEN"),
    *("NOTION_KEY", "E2B_API_KEY", "Z_AI_API_KEY"),
]


@pytest.mark.parametrize("name", NAMES_THAT_STEER, ids=repr)
def test_a_variable_that_programs_obey_is_no_model_key(name: str) -> None:
    (line,) = lines(smallest(gateway={"secrets": {name: "a-key"}}))
    assert line.startswith("instances[0].gateway.secrets.<key> ")


@pytest.mark.parametrize("name", NAMES_OF_PROVIDERS)
def test_a_provider_s_variable_is_a_model_key(name: str) -> None:
    (instance,) = parse(smallest(gateway={"secrets": {name: "a-key"}})).instances
    assert list(instance.gateway.secrets) == [name]
