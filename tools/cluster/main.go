// The sandbox control plane: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and kubectl in one binary. The component is chosen by the name
// the program is started under (argv[0]), because Kubernetes' components name
// themselves, and the field manager of what they write, after it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	component := filepath.Base(os.Args[0])
	if component == "kubectl" {
		command := kubectl.NewDefaultKubectlCommand()
		if err := cli.RunNoErrOutput(command); err != nil {
			kubectlutil.CheckErr(err)
		}
		return
	}
	go exitWithParent()
	switch component {
	case "etcd":
		runEtcd()
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "unknown component %q: start this program as etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kubectl\n", component)
		os.Exit(2)
	}
}

// exitWithParent ends this process when standard input closes, which happens
// however the parent ends, SIGKILL included: no component outlives the pipeline.
func exitWithParent() {
	buffer := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(buffer); err != nil {
			os.Exit(0)
		}
	}
}
