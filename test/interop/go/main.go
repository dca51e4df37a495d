// The journey of the official Go SDK's client.
//
// The only argument is a JSON object: the plan below. Each line of output is one report: `check`, and what was `saw`.
// Nothing is judged here.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type server struct {
	URL string `json:"url"`
	// What the names of its tools begin with.
	Tools string `json:"tools"`
}

type plan struct {
	server
	// The revision to ask for; the SDK's newest when empty.
	Mode string `json:"mode"`
	// A server of the other era, whose questions cannot be put to this client.
	Elsewhere server `json:"elsewhere"`
	// Where to say that a step of progress has arrived.
	Seen string `json:"seen"`
	// Where to ask whether it has stayed long enough, which is answered when it has; otherwise it travels.
	Stay string `json:"stay"`
	// How many there are to be.
	Steps int `json:"steps"`
}

type saw map[string]any

func report(check string, what saw) {
	line, err := json.Marshal(map[string]any{"check": check, "saw": what})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

// traveller is a client that notes what it is asked and told.
type traveller struct {
	plan  plan
	mu    sync.Mutex
	asked []string
	steps []float64
}

func (t *traveller) connect(ctx context.Context, url string) (*mcp.ClientSession, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "traveller", Version: "1.0.0"}, &mcp.ClientOptions{
		ElicitationHandler:          t.answer,
		ProgressNotificationHandler: t.note,
	})
	return client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url}, &mcp.ClientSessionOptions{
		ProtocolVersion: t.plan.Mode,
	})
}

func (t *traveller) answer(_ context.Context, request *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = append(t.asked, request.Params.Message)
	return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": "Péer"}}, nil
}

// note tells the server of each step, which waits for that before the next one.
func (t *traveller) note(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, request.Params.Progress)
	answer, err := http.Post(fmt.Sprintf("%s/%g", t.plan.Seen, request.Params.Progress), "text/plain", nil)
	if err != nil {
		log.Print(err)
		return
	}
	answer.Body.Close()
}

func (t *traveller) travel(ctx context.Context) error {
	session, err := t.connect(ctx, t.plan.URL)
	if err != nil {
		return err
	}
	report("connected", saw{"version": session.InitializeResult().ProtocolVersion})

	names := []string{}
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	report("tools", saw{"names": names})

	echoed, err := t.call(ctx, session, "echo", map[string]any{"text": "Hé 🦉"})
	if err != nil {
		return err
	}
	report("called", saw{"text": textOf(echoed)})

	added, err := t.call(ctx, session, "add", map[string]any{"a": 2, "b": 3})
	if err != nil {
		return err
	}
	report("structured", saw{"content": added.StructuredContent})

	paced := &mcp.CallToolParams{Name: t.plan.Tools + "paced", Arguments: map[string]any{"count": t.plan.Steps}}
	paced.SetProgressToken("paced")
	result, err := session.CallTool(ctx, paced)
	if err != nil {
		return err
	}
	t.mu.Lock()
	report("progress", saw{"steps": t.steps, "text": textOf(result)})
	t.mu.Unlock()

	elicited, err := t.call(ctx, session, "ask", nil)
	if err != nil {
		return err
	}
	t.mu.Lock()
	report("elicited", saw{"asked": t.asked, "text": textOf(elicited)})
	t.mu.Unlock()

	t.reportError(ctx, "tool error", session, t.plan.Tools+"fail")
	t.reportError(ctx, "unknown tool", session, t.plan.Tools+"nothing")
	return session.Close()
}

func (t *traveller) travelElsewhere(ctx context.Context) error {
	session, err := t.connect(ctx, t.plan.Elsewhere.URL)
	if err != nil {
		return err
	}
	t.asked = []string{}
	t.reportError(ctx, "other era's question", session, t.plan.Elsewhere.Tools+"ask")
	report("asked in vain", saw{"asked": t.asked})
	return session.Close()
}

// stay keeps a session without using it, and then uses it.
func (t *traveller) stay(ctx context.Context) error {
	session, err := t.connect(ctx, t.plan.URL)
	if err != nil {
		return err
	}
	answer, err := http.Get(t.plan.Stay)
	if err != nil {
		return err
	}
	answer.Body.Close()
	echoed, err := t.call(ctx, session, "echo", map[string]any{"text": "still here"})
	if err != nil {
		return err
	}
	report("stayed", saw{"text": textOf(echoed)})
	return session.Close()
}

func (t *traveller) call(ctx context.Context, session *mcp.ClientSession, tool string, arguments any) (*mcp.CallToolResult, error) {
	return session.CallTool(ctx, &mcp.CallToolParams{Name: t.plan.Tools + tool, Arguments: arguments})
}

func (t *traveller) reportError(ctx context.Context, check string, session *mcp.ClientSession, tool string) {
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool})
	var refused *jsonrpc.Error
	switch {
	case err == nil:
		report(check, saw{"raised": nil, "is_error": result.IsError, "text": textOf(result)})
	case errors.As(err, &refused):
		report(check, saw{"raised": "jsonrpc.Error", "code": refused.Code, "message": refused.Message})
	default:
		report(check, saw{"raised": fmt.Sprintf("%T", err), "message": err.Error()})
	}
}

func textOf(result *mcp.CallToolResult) string {
	text := ""
	for _, block := range result.Content {
		if content, ok := block.(*mcp.TextContent); ok {
			text += content.Text
		}
	}
	return text
}

func main() {
	log.SetFlags(0)
	t := &traveller{}
	if err := json.Unmarshal([]byte(os.Args[1]), &t.plan); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if t.plan.Stay != "" {
		if err := t.stay(ctx); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := t.travel(ctx); err != nil {
		log.Fatal(err)
	}
	if err := t.travelElsewhere(ctx); err != nil {
		log.Fatal(err)
	}
}
