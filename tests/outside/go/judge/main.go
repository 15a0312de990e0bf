// Judges logs and proofs with filippo.io/torchwood, which knows nothing of lianshi.
//
//	judge log POLICY URL|DIR       every entry of the log a policy accepts
//	judge proof POLICY PROOF       a tlog-proof whose extra line holds its entry
//
// Exits with 1 and a reason when something does not verify.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: judge log|proof POLICY WHAT")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	switch args[0] {
	case "log":
		return judgeLog(policy, args[2])
	case "proof":
		return judgeProof(policy, args[2])
	}
	return fmt.Errorf("unknown word %q", args[0])
}

func judgeLog(policy torchwood.Policy, place string) error {
	reader, err := readerOf(place)
	if err != nil {
		return err
	}
	ctx := context.Background()
	signed, err := reader.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return err
	}
	client, err := torchwood.NewClient(reader)
	if err != nil {
		return err
	}
	var seen int64
	if checkpoint.N > 0 {
		for range client.AllEntries(ctx, checkpoint.Tree, 0) {
			seen++
		}
	}
	if err := client.Err(); err != nil {
		return err
	}
	if seen != checkpoint.N {
		return fmt.Errorf("%d of %d entries", seen, checkpoint.N)
	}
	fmt.Println(seen)
	return nil
}

func readerOf(place string) (torchwood.TileReader, error) {
	if strings.HasPrefix(place, "http://") {
		return torchwood.NewTileFetcher(place)
	}
	return torchwood.NewTileFS(os.DirFS(place))
}

func judgeProof(policy torchwood.Policy, file string) error {
	proof, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	entry, err := torchwood.ProofExtraData(proof)
	if err != nil {
		return err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof); err != nil {
		return err
	}
	os.Stdout.Write(entry)
	return nil
}
