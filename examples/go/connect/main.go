// A client of ChatSessions with connect-go: opens a session, verifies its token, and reads the details of an error.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/structpb"

	chatsessions "github.com/chatsessions/chatsessions/examples/go/gen/chatsessions/v1"
	"github.com/chatsessions/chatsessions/examples/go/gen/chatsessions/v1/chatsessionsv1connect"
)

func main() {
	target := "127.0.0.1:50051"
	if value := os.Getenv("ENGINE_TARGET"); value != "" {
		target = value
	}
	// gRPC needs HTTP/2, here without TLS.
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	httpClient := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	client := chatsessionsv1connect.NewChatSessionsClient(httpClient, "http://"+target, connect.WithGRPC())

	// A context with call info is for one call.
	call := func() context.Context {
		ctx, info := connect.NewClientContext(context.Background())
		if token := os.Getenv("ENGINE_TOKEN"); token != "" {
			info.RequestHeader().Set("Authorization", "Bearer "+token)
		}
		return ctx
	}

	variables, err := structpb.NewStruct(map[string]any{"cart_total": 129})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := client.OpenSession(call(), &chatsessions.OpenSessionRequest{
		PublicKey:  "pk_live_de300000000000000000000000000001",
		CustomerId: "u-42",
		Variables:  variables,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("opened: conversation %s until %s\n",
		opened.GetConversationId(), opened.GetExpiresAt().AsTime().Format(time.RFC3339))

	session, err := client.VerifySession(call(), &chatsessions.VerifySessionRequest{Token: opened.GetSessionToken()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("verified: customer %s, cart_total %v\n",
		session.GetCustomerId(), session.GetUntrusted().GetVariables().AsMap()["cart_total"])

	_, err = client.OpenSession(call(), &chatsessions.OpenSessionRequest{PublicKey: "pk_live_1", Locale: "en_US"})
	var refusal *connect.Error
	if !errors.As(err, &refusal) {
		log.Fatal(err)
	}
	for _, detail := range refusal.Details() {
		message, err := detail.Value()
		if err != nil {
			log.Fatal(err)
		}
		switch detail := message.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("refused: %s, HTTP status %s\n", detail.GetMetadata()["code"], detail.GetMetadata()["http_status"])
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("  %s: %s\n", violation.GetField(), violation.GetReason())
			}
		}
	}
}
