"""A client of ChatSessions with grpcio: opens a session, verifies its token, and reads the details of an error."""

import os
import sys

import grpc
from google.protobuf.struct_pb2 import Struct
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

sys.path.append(os.path.join(os.path.dirname(__file__), "gen"))
from chatsessions.v1.chat_sessions_pb2 import OpenSessionRequest, VerifySessionRequest
from chatsessions.v1.chat_sessions_pb2_grpc import ChatSessionsStub

engine_token = os.environ.get("ENGINE_TOKEN")
call = {
    "timeout": 5,
    "metadata": [("authorization", f"Bearer {engine_token}")] if engine_token else None,
}

with grpc.insecure_channel(os.environ.get("ENGINE_TARGET", "127.0.0.1:50051")) as channel:
    client = ChatSessionsStub(channel)

    variables = Struct()
    variables.update({"cart_total": 129})
    request = OpenSessionRequest(
        public_key="pk_live_de300000000000000000000000000001", customer_id="u-42", variables=variables
    )
    opened = client.OpenSession(request, **call)
    print(f"opened: conversation {opened.conversation_id} until {opened.expires_at.ToJsonString()}")

    session = client.VerifySession(VerifySessionRequest(token=opened.session_token), **call)
    cart_total = session.untrusted.variables["cart_total"]
    print(f"verified: customer {session.customer_id}, cart_total {cart_total:g}")

    try:
        client.OpenSession(OpenSessionRequest(public_key="pk_live_1", locale="en_US"), **call)
    except grpc.RpcError as error:
        info, bad_request = ErrorInfo(), BadRequest()
        for detail in rpc_status.from_call(error).details:
            detail.Unpack(info) or detail.Unpack(bad_request)
        print(f"refused: {info.metadata['code']}, HTTP status {info.metadata['http_status']}")
        for violation in bad_request.field_violations:
            print(f"  {violation.field}: {violation.reason}")
