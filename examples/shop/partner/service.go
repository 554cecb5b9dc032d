package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// maxBody is the largest request that is read, in bytes.
const maxBody = 64 << 10

// webhook is a URL that is called when something happens. Names are not unique: it is
// the caller's key that keeps a repeated request from making another one.
type webhook struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Events []string `json:"events"`
}

// service has the webhooks of one caller.
type service struct {
	mu       sync.Mutex
	made     int
	webhooks []webhook
	answers  map[string]webhook // what was made, by Idempotency-Key
}

// newService makes the REST API:
//
//	GET    /health                 200; like all, 401 without the token
//	POST   /webhooks               201, and the same again for a key that was there before
//	GET    /webhooks?name=orders   200, {"webhooks": [...]}; without a name, all
//	GET    /webhooks/{id}          200 or 404
//	DELETE /webhooks?name=orders   204, or 404 when there is none
func newService(token string) http.Handler {
	s := &service{answers: map[string]webhook{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "up"})
	})
	mux.HandleFunc("POST /webhooks", s.register)
	mux.HandleFunc("GET /webhooks", s.list)
	mux.HandleFunc("GET /webhooks/{id}", s.get)
	mux.HandleFunc("DELETE /webhooks", s.remove)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			refuse(w, http.StatusUnauthorized, "the token is missing or wrong")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *service) register(w http.ResponseWriter, r *http.Request) {
	var h webhook
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&h); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if h.Name == "" || h.URL == "" || len(h.Events) == 0 {
		refuse(w, http.StatusUnprocessableEntity, "name, url and events are needed")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.answers[key]; ok {
		answer(w, http.StatusCreated, before)
		return
	}
	s.made++
	h.ID = fmt.Sprintf("wh-%d", s.made)
	s.webhooks = append(s.webhooks, h)
	if key != "" {
		s.answers[key] = h
	}
	answer(w, http.StatusCreated, h)
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []webhook{} // never null
	for _, h := range s.webhooks {
		if name == "" || h.Name == name {
			found = append(found, h)
		}
	}
	answer(w, http.StatusOK, map[string]any{"webhooks": found})
}

func (s *service) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.webhooks, func(h webhook) bool { return h.ID == r.PathValue("id") })
	if i < 0 {
		refuse(w, http.StatusNotFound, "there is no such webhook")
		return
	}
	answer(w, http.StatusOK, s.webhooks[i])
}

func (s *service) remove(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.webhooks)
	s.webhooks = slices.DeleteFunc(s.webhooks, func(h webhook) bool { return h.Name == name })
	if len(s.webhooks) == before {
		refuse(w, http.StatusNotFound, "there is no webhook of that name")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]string{"error": why})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the caller has gone
}
