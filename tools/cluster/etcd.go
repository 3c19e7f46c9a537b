package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
)

// runEtcd serves one member without fsync: a sandbox that is thrown away after
// each run needs no durability, and a disk flush per write would set its speed.
func runEtcd() {
	dataDir := flag.String("data-dir", "", "folder for the database")
	clientURL := flag.String("listen-client-url", "", "http://127.0.0.1:PORT")
	peerURL := flag.String("listen-peer-url", "", "http://127.0.0.1:PORT")
	flag.Parse()

	config := embed.NewConfig()
	config.Dir = *dataDir
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	client, peer := mustURL(*clientURL), mustURL(*peerURL)
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	server, err := embed.StartEtcd(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-server.Server.ReadyNotify()
	fmt.Println("ready")
	fmt.Fprintln(os.Stderr, <-server.Err())
	os.Exit(1)
}

func mustURL(text string) url.URL {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" {
		fmt.Fprintf(os.Stderr, "not a URL with a host: %q\n", text)
		os.Exit(2)
	}
	return *parsed
}
