// The local Pub/Sub service: Google's own in-memory test server on a free port.
// It prints its address on one line and lives as long as its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc"
)

func main() {
	fake := pstest.NewServerWithAddress("127.0.0.1:0")
	defer fake.Close()
	server := grpc.NewServer(grpc.StreamInterceptor(answerPings))
	pubsubpb.RegisterPublisherServer(server, &fake.GServer)
	pubsubpb.RegisterSubscriberServer(server, &fake.GServer)
	pubsubpb.RegisterSchemaServiceServer(server, &fake.GServer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(server.Serve(listener)) }()
	fmt.Println(listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// answerPings keeps a client's pings on a stream of messages from the test
// server. That answers them through the sender of the stream while it holds the
// lock of all: where the sender has just ended, nobody gets an answer any more.
func answerPings(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if info.FullMethod != pubsubpb.Subscriber_StreamingPull_FullMethodName {
		return handle(server, stream)
	}
	return handle(server, &answering{ServerStream: stream})
}

type answering struct {
	grpc.ServerStream
	// A stream takes one message at a time.
	sending sync.Mutex
	isOpen  bool
}

func (a *answering) SendMsg(message any) error {
	a.sending.Lock()
	defer a.sending.Unlock()
	return a.ServerStream.SendMsg(message)
}

func (a *answering) RecvMsg(message any) error {
	for {
		if err := a.ServerStream.RecvMsg(message); err != nil {
			return err
		}
		request, isRequest := message.(*pubsubpb.StreamingPullRequest)
		isPing := isRequest && a.isOpen && len(request.AckIds) == 0 && len(request.ModifyDeadlineAckIds) == 0
		a.isOpen = true
		if !isPing {
			return nil
		}
		if err := a.SendMsg(&pubsubpb.StreamingPullResponse{}); err != nil {
			return err
		}
	}
}
