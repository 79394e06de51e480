// A client of ChatSessions with grpc-go: opens a session, verifies its token, and reads the details of an error.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	chatsessions "github.com/chatsessions/chatsessions/examples/go/gen/chatsessions/v1"
)

func main() {
	target := "127.0.0.1:50051"
	if value := os.Getenv("ENGINE_TARGET"); value != "" {
		target = value
	}
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := chatsessions.NewChatSessionsClient(connection)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if token := os.Getenv("ENGINE_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}

	variables, err := structpb.NewStruct(map[string]any{"cart_total": 129})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := client.OpenSession(ctx, &chatsessions.OpenSessionRequest{
		PublicKey:  "pk_live_de300000000000000000000000000001",
		CustomerId: "u-42",
		Variables:  variables,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("opened: conversation %s until %s\n",
		opened.GetConversationId(), opened.GetExpiresAt().AsTime().Format(time.RFC3339))

	session, err := client.VerifySession(ctx, &chatsessions.VerifySessionRequest{Token: opened.GetSessionToken()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("verified: customer %s, cart_total %v\n",
		session.GetCustomerId(), session.GetUntrusted().GetVariables().AsMap()["cart_total"])

	_, err = client.OpenSession(ctx, &chatsessions.OpenSessionRequest{PublicKey: "pk_live_1", Locale: "en_US"})
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("refused: %s, HTTP status %s\n", detail.GetMetadata()["code"], detail.GetMetadata()["http_status"])
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("  %s: %s\n", violation.GetField(), violation.GetReason())
			}
		}
	}
}
