"""headscale's gRPC messages, as far as the sandbox uses them (proto/headscale/v1 of headscale 0.29.2).

Over its Unix socket headscale asks for no key. Over REST it does, and checks it with bcrypt: 0.1 s of CPU for each call.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2

_PACKAGE: Final = "headscale.v1"
_TIMESTAMP: Final = timestamp_pb2.Timestamp.DESCRIPTOR.full_name
# Message -> its fields as "number name type"; * marks a list. Fields that we do not read are left out: protobuf skips them.
_MESSAGES: Final = {
    "User": "1 id uint64, 2 name string, 5 email string",
    "CreateUserRequest": "1 name string, 3 email string",
    "CreateUserResponse": "1 user User",
    "ListUsersRequest": "",
    "ListUsersResponse": "1 users *User",
    "PreAuthKey": "2 id uint64, 3 key string, 4 reusable bool, 5 ephemeral bool, 6 used bool, 7 expiration Timestamp, "
    "8 created_at Timestamp, 9 acl_tags *string",
    "CreatePreAuthKeyRequest": "1 user uint64, 2 reusable bool, 3 ephemeral bool, 4 expiration Timestamp, "
    "5 acl_tags *string",
    "CreatePreAuthKeyResponse": "1 pre_auth_key PreAuthKey",
    "ExpirePreAuthKeyRequest": "1 id uint64",
    "ExpirePreAuthKeyResponse": "",
    "DeletePreAuthKeyRequest": "1 id uint64",
    "DeletePreAuthKeyResponse": "",
    "ListPreAuthKeysRequest": "",
    "ListPreAuthKeysResponse": "1 pre_auth_keys *PreAuthKey",
    "Node": "1 id uint64, 2 machine_key string, 3 node_key string, 5 ip_addresses *string, 6 name string, 7 user User, "
    "8 last_seen Timestamp, 10 expiry Timestamp, 12 created_at Timestamp, 21 given_name string, 22 online bool, "
    "26 tags *string",
    "ListNodesRequest": "",
    "ListNodesResponse": "1 nodes *Node",
    "DebugCreateNodeRequest": "1 user string, 2 key string, 3 name string",
    "DebugCreateNodeResponse": "1 node Node",
    "AuthRegisterRequest": "1 user string, 2 auth_id string",
    "AuthRegisterResponse": "1 node Node",
    "SetTagsRequest": "1 node_id uint64, 2 tags *string",
    "SetTagsResponse": "1 node Node",
    "RenameNodeRequest": "1 node_id uint64, 2 new_name string",
    "RenameNodeResponse": "1 node Node",
    "ExpireNodeRequest": "1 node_id uint64, 2 expiry Timestamp, 3 disable_expiry bool",
    "ExpireNodeResponse": "1 node Node",
    "DeleteNodeRequest": "1 node_id uint64",
    "DeleteNodeResponse": "",
    "GetPolicyRequest": "",
    "GetPolicyResponse": "1 policy string",
    "SetPolicyRequest": "1 policy string",
    "SetPolicyResponse": "1 policy string",
    "CheckPolicyRequest": "1 policy string",
    "CheckPolicyResponse": "",
}
_SCALARS: Final = {"uint64": "TYPE_UINT64", "string": "TYPE_STRING", "bool": "TYPE_BOOL"}


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="headscale.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for entry in filter(None, fields.split(", ")):
            number, field, kind = entry.split()
            added = message.field.add(name=field, number=int(number), label=3 if kind.startswith("*") else 1)
            kind = kind.removeprefix("*")
            if kind in _SCALARS:
                added.type = descriptor_pb2.FieldDescriptorProto.Type.Value(_SCALARS[kind])
            else:
                added.type = descriptor_pb2.FieldDescriptorProto.Type.TYPE_MESSAGE
                added.type_name = f".{_TIMESTAMP}" if kind == "Timestamp" else f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL: Final = _pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def path(method: str) -> str:
    return f"/{_PACKAGE}.HeadscaleService/{method}"


def serializer(method: str) -> Callable[[Mapping[str, Any]], bytes]:
    request = _message(f"{method}Request")
    return lambda body: json_format.ParseDict(dict(body), request()).SerializeToString()


def deserializer(method: str) -> Callable[[bytes], dict[str, Any]]:
    """Names in camelCase, whole numbers of 64 bits as text: protobuf's JSON."""
    response = _message(f"{method}Response")
    return lambda content: json_format.MessageToDict(response.FromString(content))
